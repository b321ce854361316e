"""The region in which a face is pasted: everything that the whole-image computation changes, and no less."""

from __future__ import annotations

import cv2
import numpy as np
from faceswap_core.blending.exact import blend_exact
from faceswap_core.blending.feather import feather_size, visible_spans
from faceswap_core.blending.paste_back import AFTER, BEFORE, Region, paste_face
from faceswap_core.blending.warp_lattice import warp_lattice
from faceswap_core.faces.geometry import crop_affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.affine import face_landmarks, invert_affine, transform_points

faces = st.tuples(st.floats(-0.7, 1.7), st.floats(-0.7, 1.7), st.floats(1.4, 7.5).map(np.exp), st.floats(-180, 180))


def outline_region(crop_to_image: NDArray[np.float64], before: int, after: int, height: int, width: int) -> Region:
    """The bounding box of the warped square's outline with margins; `after` of 1 includes the outline's last pixel."""
    x, y = transform_points(np.array([[-1, -1], [128, -1], [-1, 128], [128, 128.0]]), crop_to_image).T
    x0, y0 = max(0, int(np.floor(x.min())) - before), max(0, int(np.floor(y.min())) - before)
    x1, y1 = min(width, int(np.ceil(x.max())) + after), min(height, int(np.ceil(y.max())) + after)
    return Region(x0, y0, x1, y1)


def random_crop_to_image(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Of faces small and huge, upright and rolled, inside, cut and at whole numbers."""
    side = np.exp(rng.uniform(np.log(8), np.log(2000)))
    roll = np.deg2rad(rng.choice([0.0, 90.0, 45.0, rng.uniform(-180, 180)]))
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    if rng.random() < 0.4:
        x, y, side = round(x), round(y), round(side)
    c, s = side / 128 * np.cos(roll), side / 128 * np.sin(roll)
    return np.array([[c, -s, x - 64 * c + 64 * s], [s, c, y - 64 * s - 64 * c]])


def differing_pastes(before: int, after: int, faces: int = 120) -> int:
    """Faces for which the exact computation in the outline's region differs from the one in the whole image."""
    rng, (height, width) = np.random.default_rng(5), (150, 170)
    image, crop = rng.integers(0, 128, (height, width, 3), dtype=np.uint8), np.full((128, 128, 3), 255, np.uint8)
    whole, differing = Region(0, 0, width, height), 0
    for _ in range(faces):
        crop_to_image = random_crop_to_image(rng, height, width)
        image_to_crop = np.asarray(cv2.invertAffineTransform(crop_to_image), np.float64)
        extent = visible_spans(warp_lattice(image_to_crop, whole.rows, whole.columns), whole).extent()
        part = outline_region(crop_to_image, before, after, height, width)
        if extent is None or part.width <= 0 or part.height <= 0:
            continue
        expected, found = image.copy(), image.copy()
        blend_exact(expected, crop, image_to_crop, whole, feather_size(*extent))
        blend_exact(found, crop, image_to_crop, part, feather_size(*extent))
        differing += not np.array_equal(expected, found)
    return differing


def test_the_region_gives_what_the_whole_image_gives_and_no_smaller_one_does() -> None:
    assert differing_pastes(BEFORE, AFTER) == 0
    assert differing_pastes(BEFORE, AFTER - 1) > 0, "the outline's last pixel belongs to it"
    assert differing_pastes(-1, AFTER) == 0, "the mask begins one pixel inside the outline"
    assert differing_pastes(-2, AFTER) > 0


@settings(deadline=None, max_examples=100)
@given(st.integers(20, 200), st.integers(20, 200), faces)
def test_a_face_is_pasted_in_that_region(height: int, width: int, face: tuple[float, float, float, float]) -> None:
    landmarks = face_landmarks(face[0] * width, face[1] * height, face[2], face[3])
    image, crop = np.zeros((height, width, 3), np.uint8), np.full((128, 128, 3), 255, np.uint8)
    region = paste_face(image, crop, crop_affine(landmarks, 128))
    if region is not None:
        crop_to_image = invert_affine(crop_affine(landmarks, 128))
        assert region == outline_region(crop_to_image, 2, 1, height, width)
