"""Where the label lands, and that it can be told from what is behind it."""

from __future__ import annotations

import io
from typing import Any, get_args

import numpy as np
import pytest
from faceswap_core.limits import Limits
from faceswap_core.options import Label, Options
from faceswap_core.provenance.result_marks import ResultMarks
from faceswap_core.provenance.visible_label import LEAST_CONTRAST, MIN_TEXT_HEIGHT, Corner, draw_label
from faceswap_core.steps.decode_images import decode_images
from faceswap_core.steps.paste_faces import SwappedCrops, paste_faces
from numpy.typing import NDArray
from PIL import Image, ImageCms
from support.icc_profiles import displayed, matrix_profile, swapping_profile
from support.label_contrast import displayed_contrast


def frame(height: int, width: int, kind: str) -> NDArray[np.uint8]:
    if kind == "noise":
        return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    return np.full((height, width, 3), {"black": 0, "white": 255, "grey": 128, "rim": 235}[kind], np.uint8)


def changed_box(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((before != after).any(axis=2))
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


@pytest.mark.parametrize("kind", ["black", "white", "grey", "rim", "noise"])
@pytest.mark.parametrize("corner", get_args(Corner))
def test_label_is_in_its_corner_and_nowhere_else(kind: str, corner: Any) -> None:
    before = frame(360, 480, kind)
    after = before.copy()
    draw_label(after, corner=corner)
    top, left, bottom, right = changed_box(before, after)
    assert bottom - top < 60
    assert right - left < 60
    assert (top < 30) == corner.startswith("top")
    assert (left < 30) == corner.endswith("left")
    assert (bottom > 330) == corner.startswith("bottom")
    assert (right > 450) == corner.endswith("right")


@pytest.mark.parametrize("kind", ["black", "white", "grey", "rim", "noise"])
def test_text_and_box_contrast_on_any_image(kind: str) -> None:
    after = frame(360, 480, kind)
    before = after.copy()
    draw_label(after)
    top, left, bottom, right = changed_box(before, after)
    inside = after[top + 2 : bottom - 2, left + 2 : right - 2].astype(int).mean(axis=2)
    assert inside.max() == 255
    assert np.median(inside) < 40
    assert 0.05 < (inside > 200).mean() < 0.5


@pytest.mark.parametrize(("height", "width"), [(360, 480), (480, 360), (2160, 3840), (1080, 1920)])
def test_capitals_are_a_share_of_the_shorter_side(height: int, width: int) -> None:
    after = frame(height, width, "black")
    draw_label(after, text="I", share=0.05)
    text = (after.min(axis=2) == 255).nonzero()[0]
    assert text.max() + 1 - text.min() == pytest.approx(0.05 * min(height, width), abs=2)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50), (3, 200), (8, 8), (16, 16), (200, 3), (17, 64)])
def test_tiny_frames_hold_the_label_whole(height: int, width: int) -> None:
    after = frame(height, width, "white")
    for corner in get_args(Corner):
        draw_label(after, corner=corner)
    assert after.shape == (height, width, 3)
    assert after.min() < 200


def test_text_has_a_least_height() -> None:
    after = frame(16, 16, "black")
    draw_label(after)
    bright_rows = (after > 180).all(axis=2).any(axis=1)
    assert abs(int(bright_rows.sum()) - MIN_TEXT_HEIGHT) <= 1


def test_views_are_drawn_into() -> None:
    whole = frame(400, 400, "white")
    draw_label(whole[100:300, 100:300])
    assert (whole[:100] == 255).all()
    assert whole[100:300, 100:300].min() < 40


@pytest.mark.parametrize(
    "bad",
    [
        {"corner": "middle"},
        {"share": 0.0},
        {"share": 0.3},
        {"share": float("nan")},
        {"text": ""},
        {"text": "a\nb"},
        {"text": "\u4eba\u5de5"},
        {"text": "x" * 33},
    ],
)
def test_arguments_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="|".join(bad)):
        draw_label(frame(50, 50, "black"), **bad)


@pytest.mark.parametrize("shape", [(5, 5), (5, 5, 4), (0, 5, 3)])
def test_other_frames_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="image"):
        draw_label(np.zeros(shape, np.uint8))


HOSTILE_CURVES = {
    "all bright": lambda value: value**0.02,
    "all dark": lambda value: value**40,
    "white": lambda _: 1.0,
    "dark text only": lambda value: 0.0 if value > 0.9 else value,
    "upside down and flat": lambda value: 0.5 - 0.1 * value,
}
HONEST_PROFILES = {
    "sRGB": matrix_profile(),
    "linear": matrix_profile((lambda value: value,) * 3),
    "gamma 1.8": matrix_profile((lambda value: value**1.8,) * 3),
    "swapped channels": swapping_profile(),
}
CROP = SwappedCrops(np.full((1, 128, 128, 3), 90, np.uint8), np.array([[[2.0, 0, 0], [0, 2.0, 0]]]), 1)
LABELLED = ResultMarks(forced_label=Label.BOTTOM_RIGHT)


def target(format: str, profile: bytes | None, *, transparent: bool) -> bytes:
    rgb = np.random.default_rng(3).integers(60, 200, (300, 400, 3), np.uint8)
    pixels = np.dstack((rgb, np.zeros((300, 400), np.uint8))) if transparent else rgb
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, icc_profile=profile, **({"exact": True} if format == "webp" else {}))
    return buffer.getvalue()


def swapped(encoded: bytes, marks: ResultMarks, **options: Any) -> bytes:
    image = decode_images(None, [encoded], Limits(), keep_target=True).target
    assert image is not None
    return paste_faces(image, CROP, Options(**options), marks=marks)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("curve", HOSTILE_CURVES)
def test_a_forced_label_shows_through_any_curve(curve: str, format: str) -> None:
    profile = matrix_profile((HOSTILE_CURVES[curve],) * 3)
    result = swapped(target(format, profile, transparent=False), LABELLED)
    assert displayed_contrast(result, "bottom-right") >= LEAST_CONTRAST
    with Image.open(io.BytesIO(result)) as image:
        assert "icc_profile" not in image.info, "the image was converted"


@pytest.mark.parametrize("table", [b"A2B0", b"A2B1"])
def test_a_forced_label_shows_through_any_table(table: bytes) -> None:
    other = {b"A2B0": b"A2B1", b"A2B1": b"A2B0"}[table]
    profile = matrix_profile(tables={table: (54.0, 0.0, 0.0), other: (60.0, 98.0, -61.0)})
    assert (
        displayed_contrast(swapped(target("png", profile, transparent=False), LABELLED), "bottom-right")
        >= LEAST_CONTRAST
    )


@pytest.mark.parametrize("name", HONEST_PROFILES)
def test_profiles_that_leave_the_contrast_are_kept(name: str) -> None:
    result = swapped(target("png", HONEST_PROFILES[name], transparent=False), LABELLED)
    assert displayed_contrast(result, "bottom-right") >= LEAST_CONTRAST
    with Image.open(io.BytesIO(result)) as image:
        assert image.info["icc_profile"] == HONEST_PROFILES[name]


def test_converted_images_look_as_before() -> None:
    profile = matrix_profile((lambda value: value**0.3,) * 3)
    encoded = target("png", profile, transparent=False)
    shown = displayed(swapped(encoded, LABELLED)).astype(int)
    assert np.abs(shown[:200, 100:] - displayed(encoded)[:200, 100:]).max() <= 1


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("format", ["png", "webp"])
@pytest.mark.parametrize("curve", [None, *HOSTILE_CURVES])
def test_a_forced_label_shows_on_a_transparent_image(curve: str | None, format: str, level: int) -> None:
    profile = None if curve is None else matrix_profile((HOSTILE_CURVES[curve],) * 3)
    result = swapped(target(format, profile, transparent=True), LABELLED)
    assert displayed_contrast(result, "bottom-right", level) >= LEAST_CONTRAST
    flattened = swapped(target(format, profile, transparent=True), LABELLED, output_format="jpeg")
    assert displayed_contrast(flattened, "bottom-right") >= LEAST_CONTRAST


def test_without_a_label_no_profile_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = matrix_profile((HOSTILE_CURVES["white"],) * 3)
    encoded = target("png", profile, transparent=False)
    image = decode_images(None, [encoded], Limits(), keep_target=True).target
    assert image is not None
    monkeypatch.setattr(ImageCms, "buildTransform", None)
    with Image.open(io.BytesIO(paste_faces(image, CROP, Options()))) as result:
        assert result.info["icc_profile"] == profile
