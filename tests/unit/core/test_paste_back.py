"""Paste-back against insightface's own `INSwapper.get`, and what it must never touch."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from faceswap_core.blending.paste_back import Region, paste_face
from faceswap_core.errors import InvalidTensor
from faceswap_core.faces.geometry import crop_affine
from faceswap_core.options import Blend
from faceswap_tools.photographs import astronaut
from hypothesis import given, settings
from hypothesis import strategies as st
from insightface.model_zoo.inswapper import INSwapper
from numpy.typing import NDArray
from PIL import Image
from support.affine import face_landmarks, invert_affine, transform_points

RgbImage = NDArray[np.uint8]

INSIDE_BOUND = 4
"""Levels by which `fast` may differ from insightface for a face inside the frame; the product's promise."""
CUT_BOUND = 6
"""The same for the faces below that the frame's edge cuts."""
GREY_BOUND = 24
"""For any face: `fast` leaves out grey remains of up to 20 of 255, wide where only a corner of a huge face shows."""

pytestmark = pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")


def smooth_image(seed: int, height: int, width: int, grain: int) -> RgbImage:
    """Colour noise whose smallest detail is about `grain` pixels."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (max(2, height // grain), max(2, width // grain), 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def insightface_paste(frame: RgbImage, crop: RgbImage, landmarks: NDArray[np.float32]) -> RgbImage:
    """What `INSwapper.get` returns for a network that answers with `crop`; RGB in and out."""
    # +0.5: its uint8(255 * answer) truncates
    answer = ((crop.astype(np.float32) + 0.5) / 255).transpose(2, 0, 1)[None]
    swapper = object.__new__(INSwapper)
    swapper.session = SimpleNamespace(run=lambda names, feeds: [answer])
    swapper.input_names, swapper.output_names = ["target", "source"], ["output"]
    swapper.input_size, swapper.input_mean, swapper.input_std = (128, 128), 0.0, 255.0
    swapper.emap = np.eye(512, dtype=np.float32)
    source = SimpleNamespace(normed_embedding=np.full(512, 512**-0.5, dtype=np.float32))
    bgr = np.ascontiguousarray(frame[..., ::-1])
    return np.asarray(swapper.get(bgr, SimpleNamespace(kps=landmarks), source)[..., ::-1])


def pasted(
    frame: RgbImage, crop: RgbImage, landmarks: NDArray[np.float32], blend: Blend
) -> tuple[RgbImage, Region | None]:
    result = frame.copy()
    return result, paste_face(result, crop, crop_affine(landmarks, 128), blend)


def assert_untouched_outside(result: RgbImage, frame: RgbImage, region: Region | None) -> None:
    outside = np.ones(frame.shape[:2], dtype=bool)
    if region is not None:
        assert 0 <= region.x0 < region.x1 <= frame.shape[1]
        assert 0 <= region.y0 < region.y1 <= frame.shape[0]
        outside[region.slices] = False
    np.testing.assert_array_equal(result[outside], frame[outside])


INSIDE = [
    pytest.param(300, 220, 240, 0, id="upright"),
    pytest.param(300.3, 219.6, 240, 0.7, id="nearly upright"),
    pytest.param(290, 230, 250, 8, id="tilted"),
    pytest.param(290, 230, 250, 30, id="rolled 30"),
    pytest.param(290, 230, 250, -45, id="rolled -45"),
    pytest.param(300, 220, 240, 178, id="upside down"),
    pytest.param(300, 220, 90, 12, id="small"),
    pytest.param(300, 220, 22, -5, id="tiny"),
    pytest.param(300, 220, 5, 5, id="five pixels"),
]
CUT = [
    pytest.param(20, 220, 240, 0, id="left edge, upright"),
    pytest.param(10, 220, 240, 11, id="left edge"),
    pytest.param(590, 220, 240, -20, id="right edge"),
    pytest.param(300, -60, 240, 15, id="top edge"),
    pytest.param(300, 430, 240, 30, id="bottom edge"),
    pytest.param(600, 440, 240, 40, id="corner"),
    pytest.param(300, 220, 500, 3, id="filling the frame"),
    pytest.param(250, 300, 4800, 20, id="frame inside the face"),
]


@pytest.fixture(scope="module")
def frame() -> RgbImage:
    return smooth_image(1, 440, 600, 24)


@pytest.fixture(scope="module", params=["soft crop", "sharp crop", "photographed crop"])
def crop(request: pytest.FixtureRequest) -> RgbImage:
    if request.param == "soft crop":
        return smooth_image(2, 128, 128, 16)
    if request.param == "sharp crop":
        return smooth_image(3, 128, 128, 4)
    return np.asarray(Image.open(astronaut()).convert("RGB").crop((166, 56, 294, 184)))


@pytest.mark.parametrize(("x", "y", "side", "roll"), INSIDE + CUT)
def test_exact_is_insightface_pixel_for_pixel(
    frame: RgbImage, crop: RgbImage, x: float, y: float, side: float, roll: float
) -> None:
    landmarks = face_landmarks(x, y, side, roll)
    result, region = pasted(frame, crop, landmarks, Blend.EXACT)
    np.testing.assert_array_equal(result, insightface_paste(frame, crop, landmarks))
    assert_untouched_outside(result, frame, region)
    assert side < 20 or not np.array_equal(result, frame)  # ten pixels of erosion leave nothing of a tiny face


@pytest.mark.parametrize(
    ("x", "y", "side", "roll", "bound"),
    [pytest.param(*each.values, INSIDE_BOUND, id=each.id) for each in INSIDE]
    + [pytest.param(*each.values, CUT_BOUND, id=each.id) for each in CUT],
)
def test_fast_stays_within_a_few_levels_of_insightface(
    frame: RgbImage, crop: RgbImage, x: float, y: float, side: float, roll: float, bound: int
) -> None:
    landmarks = face_landmarks(x, y, side, roll)
    result, region = pasted(frame, crop, landmarks, Blend.FAST)
    assert region is not None
    expected = insightface_paste(frame, crop, landmarks)
    difference = np.abs(result.astype(int) - expected)[region.slices]
    assert difference.max() <= bound
    assert difference.mean() <= 0.5
    assert_untouched_outside(result, frame, region)


faces = st.tuples(st.floats(-0.7, 1.7), st.floats(-0.7, 1.7), st.floats(1.4, 7.5).map(np.exp), st.floats(-180, 180))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 260),
    st.integers(1, 260),
    faces,
    st.sampled_from(list(Blend)),
    st.integers(0, 10**6),
)
def test_any_face_on_any_frame(
    height: int, width: int, face: tuple[float, float, float, float], blend: Blend, seed: int
) -> None:
    frame, crop = smooth_image(seed, height, width, 12), smooth_image(seed + 1, 128, 128, 12)
    landmarks = face_landmarks(face[0] * width, face[1] * height, face[2], face[3])
    result, region = pasted(frame, crop, landmarks, blend)
    assert_untouched_outside(result, frame, region)
    if region is None:
        return
    difference = np.abs(result.astype(int) - insightface_paste(frame, crop, landmarks))
    # the blur adds its float32 terms in another order where a tile ends elsewhere than the image
    assert difference.max() <= (1 if blend is Blend.EXACT else GREY_BOUND)


@pytest.mark.parametrize(
    ("x", "side", "roll"),
    [(600, 400, 0), (600, 700, 8), (600, 1000, 0), (600, 1000, 30), (60, 1000, 0), (1150, 1000, 15)],
)
def test_the_coarse_feather_is_the_blurred_mask(x: float, side: float, roll: float) -> None:
    """White pasted on black shows the weights, though computed at every 3rd to 7th pixel only."""
    black = np.zeros((1200, 1200, 3), np.uint8)
    white = np.full((128, 128, 3), 255, np.uint8)
    landmarks = face_landmarks(x, 600, side, roll)
    fast, exact = (pasted(black, white, landmarks, blend)[0][..., 0].astype(int) for blend in (Blend.FAST, Blend.EXACT))
    soft = (exact > 0) & (exact < 255)
    assert soft.mean() > 0.01
    assert np.abs(fast - exact).max() <= 4
    # rounding against truncation is half a level; an edge half a pixel off would be far more
    assert 0.3 < (fast - exact)[soft].mean() < 0.7
    assert (fast - exact)[soft].std() < 1.0


@pytest.mark.parametrize("blend", list(Blend))
@pytest.mark.parametrize(("x", "y"), [(-400, 200), (1100, 200), (300, -500), (300, 900), (1e6, -1e6)])
def test_a_face_wholly_outside_changes_nothing(frame: RgbImage, x: float, y: float, blend: Blend) -> None:
    crop = np.full((128, 128, 3), 255, np.uint8)
    result, region = pasted(frame, crop, face_landmarks(x, y, 240, 10), blend)
    assert region is None
    np.testing.assert_array_equal(result, frame)


@pytest.mark.parametrize("blend", list(Blend))
def test_the_crop_lands_upright_and_in_rgb(blend: Blend) -> None:
    crop = np.zeros((128, 128, 3), np.uint8)
    crop[:64] = (200, 0, 0)  # red above
    crop[64:] = (0, 0, 100)  # blue below
    frame = np.full((300, 400, 3), 50, np.uint8)
    result, region = pasted(frame, crop, face_landmarks(220, 140, 160, 0), blend)
    assert region is not None
    assert region.x0 < 150
    assert region.x1 > 290
    assert result[110, 220].tolist() == [200, 0, 0]
    assert result[170, 220].tolist() == [0, 0, 100]
    assert result[10, 10].tolist() == [50, 50, 50]


@pytest.mark.parametrize("blend", list(Blend))
def test_a_crop_equal_to_the_image_leaves_no_seam(blend: Blend) -> None:
    frame = np.full((300, 400, 3), 90, np.uint8)
    result, region = pasted(frame, np.full((128, 128, 3), 90, np.uint8), face_landmarks(220, 140, 160, 25), blend)
    assert region is not None
    # insightface's float32 sum may fall just short of 90 and be truncated
    assert np.abs(result.astype(int) - 90).max() <= 1


def test_a_pasted_crop_comes_back_when_cut_out_again(frame: RgbImage) -> None:
    crop = smooth_image(5, 128, 128, 24)
    affine = crop_affine(face_landmarks(300, 220, 384, 17), 128)
    result = frame.copy()
    paste_face(result, crop, affine, Blend.FAST)
    again = cv2.warpAffine(result, affine, (128, 128))
    assert np.abs(again.astype(int) - crop)[20:-20, 20:-20].mean() < 1.0
    centre = transform_points(np.array([[64.0, 64.0]]), invert_affine(affine))[0].round().astype(int)
    assert np.abs(result[centre[1], centre[0]].astype(int) - crop[64, 64]).max() < 12


@pytest.mark.parametrize(
    ("frame", "crop", "affine"),
    [
        (np.zeros((9, 9), np.uint8), None, None),
        (np.zeros((9, 9, 4), np.uint8), None, None),
        (np.zeros((9, 9, 3), np.float32), None, None),
        (np.zeros((0, 9, 3), np.uint8), None, None),
        (np.zeros((9, 18, 3), np.uint8)[:, ::2], None, None),
        (np.frombuffer(bytes(243), np.uint8).reshape(9, 9, 3), None, None),
        (None, np.zeros((112, 112, 3), np.uint8), None),
        (None, np.zeros((128, 128, 3), np.float32), None),
        (None, None, np.zeros((2, 3))),
        (None, None, np.full((2, 3), np.nan)),
        (None, None, np.eye(3)),
    ],
    ids=[
        "grey frame", "four channels", "float frame", "empty frame", "strided frame", "read-only frame",
        "small crop", "float crop", "no inverse", "not finite", "3 x 3",
    ],
)  # fmt: skip
def test_unusable_input_is_refused(
    frame: RgbImage | None, crop: RgbImage | None, affine: NDArray[np.float64] | None
) -> None:
    with pytest.raises(InvalidTensor):
        paste_face(
            np.zeros((9, 9, 3), np.uint8) if frame is None else frame,
            np.zeros((128, 128, 3), np.uint8) if crop is None else crop,
            np.eye(2, 3) if affine is None else affine,
        )
