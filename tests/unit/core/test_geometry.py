"""Landmarks to crops: which way affines map, which way the image is stored, and insightface's numbers."""

from __future__ import annotations

import warnings
from typing import Any

import cv2
import numpy as np
import pytest
from faceswap_core.errors import InvalidTensor
from faceswap_core.faces.geometry import (
    ARCFACE_TEMPLATE,
    crop_affine,
    crop_template,
    estimate_similarity,
    warp_crop,
)
from hypothesis import given
from hypothesis import strategies as st
from insightface.utils import face_align
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform
from support.affine import invert_affine, transform_points

LANDMARKS = np.array([[310.5, 220.0], [392.25, 228.5], [345.0, 275.75], [312.0, 315.5], [380.5, 322.0]])

coordinates = st.floats(-4000, 4000, allow_nan=False, width=32)
similarities = st.tuples(st.floats(0.01, 40), st.floats(-np.pi, np.pi), coordinates, coordinates)


def similarity(scale: float, angle: float, x: float, y: float) -> NDArray[np.float64]:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


def reference_affine(landmarks: NDArray[np.floating[Any]], size: int) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # scikit-image announces estimate()'s end
        return np.asarray(face_align.estimate_norm(landmarks, size))


def closed_form(points: NDArray[np.floating[Any]], targets: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Regression of complex numbers in float64: another road to the same estimate."""
    z = points.astype(np.float64) @ (1, 1j)
    w = targets.astype(np.float64) @ (1, 1j)
    z0, w0 = z.mean(), w.mean()
    a = np.vdot(z - z0, w - w0) / np.vdot(z - z0, z - z0).real
    b = w0 - a * z0
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def test_an_affine_maps_frame_x_y_to_crop_x_y() -> None:
    # a quarter turn, doubled, then moved: (x, y) -> (-2y + 100, 2x + 7)
    affine = estimate_similarity(
        np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 3.0]]), np.array([[100.0, 7.0], [100.0, 27.0], [94.0, 7.0]])
    )
    np.testing.assert_allclose(affine, [[0, -2, 100], [2, 0, 7]], atol=1e-12)
    np.testing.assert_allclose(transform_points(np.array([[4.0, 5.0]]), affine), [[90.0, 15.0]], atol=1e-12)


def test_the_128_template_moves_right_but_not_down() -> None:
    np.testing.assert_array_equal(crop_template(112), ARCFACE_TEMPLATE)
    np.testing.assert_allclose(crop_template(128)[0], [46.2946, 51.6963], atol=1e-5)
    np.testing.assert_allclose(crop_template(256)[3], [2 * 49.5493, 2 * 92.3655], atol=1e-4)
    np.testing.assert_allclose(crop_template(224)[4], [2 * 70.7299, 2 * 92.2041], atol=1e-4)


@pytest.mark.parametrize("size", [0, -112, 100, 127, 160])
def test_a_size_without_a_template_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        crop_affine(LANDMARKS, size)


@pytest.mark.parametrize("size", [112, 128])
def test_landmarks_land_on_the_template(size: int) -> None:
    affine = similarity(0.31, 0.4, -20.0, 9.0)
    landmarks = transform_points(crop_template(size), invert_affine(affine))
    np.testing.assert_allclose(crop_affine(landmarks, size), affine, atol=1e-5)


@given(
    similarities,
    st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=5, max_size=5),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([112, 128, 256]),
)
def test_crop_affine_is_insightfaces_to_the_last_bit(
    parameters: tuple[float, float, float, float],
    noise: list[tuple[float, float]],
    dtype: type[np.floating[Any]],
    size: int,
) -> None:
    affine = similarity(*parameters)
    landmarks = (transform_points(crop_template(128) + noise, affine)).astype(dtype)
    np.testing.assert_array_equal(crop_affine(landmarks, size), reference_affine(landmarks, size))


@given(similarities, st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=5, max_size=5))
def test_the_similarity_is_the_least_squares_one(
    parameters: tuple[float, float, float, float], noise: list[tuple[float, float]]
) -> None:
    points = ARCFACE_TEMPLATE.astype(np.float64)
    targets = transform_points(points, similarity(*parameters)) + noise
    found = estimate_similarity(points, targets)
    scale = max(parameters[0], 1.0)
    np.testing.assert_allclose(found, closed_form(points, targets), atol=2e-5 * scale * 100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        skimage = SimilarityTransform()  # type: ignore[no-untyped-call]
        skimage.estimate(points, targets)  # type: ignore[no-untyped-call]
    np.testing.assert_allclose(found, skimage.params[:2], atol=2e-5)


@pytest.mark.parametrize(
    "landmarks",
    [np.zeros((5, 2)), np.full((5, 2), np.nan), np.zeros((4, 2)), np.zeros((5, 3)), np.zeros(10)],
    ids=["coincide", "not finite", "four", "three columns", "flat"],
)
def test_landmarks_that_fix_no_face_are_refused(landmarks: NDArray[np.float64]) -> None:
    with pytest.raises(InvalidTensor):
        crop_affine(landmarks, 128)


def test_a_crop_shows_the_frame_upright_and_in_rgb() -> None:
    frame = np.zeros((400, 600, 3), np.uint8)
    frame[:, 350:, 0] = 200  # red right of column 350
    frame[270:, :, 2] = 100  # blue below row 270
    crop = warp_crop(frame, crop_affine(LANDMARKS, 128), 128)
    assert crop.shape == (128, 128, 3)
    assert crop.dtype == np.uint8
    assert crop[20, 120].tolist() == [200, 0, 0]
    assert crop[120, 8].tolist() == [0, 0, 100]


@pytest.mark.parametrize("size", [112, 128])
@pytest.mark.parametrize("shift", [0.0, -300.0])
def test_a_crop_is_insightfaces_pixel_for_pixel(size: int, shift: float) -> None:
    rng = np.random.default_rng(3)
    frame = cv2.resize(rng.integers(0, 256, (50, 75, 3), dtype=np.uint8), (600, 400)).astype(np.uint8)
    landmarks = (LANDMARKS + np.array([shift, 0.0])).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        expected = face_align.norm_crop(np.ascontiguousarray(frame[..., ::-1]), landmarks, size)[..., ::-1]
    np.testing.assert_array_equal(warp_crop(frame, crop_affine(landmarks, size), size), expected)
