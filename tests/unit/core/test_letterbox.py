"""The letterbox is insightface's, pixel for pixel."""

from __future__ import annotations

import warnings
from typing import Any

import cv2
import numpy as np
import pytest
from faceswap_core.faces.letterbox import letterbox, letterbox_scale
from hypothesis import given, settings
from hypothesis import strategies as st

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # insightface and what it imports warn at import
    SCRFD = pytest.importorskip("insightface.model_zoo.scrfd", reason="insightface is not installed (make setup)").SCRFD


class _CapturedError(Exception):
    """Carries the detector input out of insightface's detect."""


def insightface_input(rgb: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    detector = SCRFD.__new__(SCRFD)

    def capture(image: np.ndarray[Any, Any], threshold: float) -> None:
        raise _CapturedError(image)

    detector.forward = capture
    with pytest.raises(_CapturedError) as captured:
        detector._detect_candidates(rgb, (size, size), 0.5)
    return np.asarray(captured.value.args[0])


@settings(deadline=None, max_examples=60)
@given(height=st.integers(1, 700), width=st.integers(1, 700), size=st.sampled_from([640, 320]), seed=st.integers(0, 9))
def test_same_pixels_as_insightface(height: int, width: int, size: int, seed: int) -> None:
    if size * min(height, width) < max(height, width):
        return  # insightface fails on a side of zero pixels
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    square, scale = letterbox(rgb, size)
    np.testing.assert_array_equal(square, insightface_input(rgb, size))
    assert square.shape == (size, size, 3)
    assert scale == letterbox_scale(height, width, size)


@pytest.mark.parametrize(
    ("height", "width", "filled", "scale"),
    [
        (1080, 1920, (360, 640), 360 / 1080),
        (1920, 1080, (640, 360), 640 / 1920),
        (640, 640, (640, 640), 1.0),
        (886, 1280, (443, 640), 443 / 886),
        (1000, 333, (640, 213), 0.64),
        (333, 1000, (213, 640), 213 / 333),
    ],
)
def test_size_and_scale(height: int, width: int, filled: tuple[int, int], scale: float) -> None:
    square, found = letterbox(np.full((height, width, 3), 200, np.uint8))
    assert found == pytest.approx(scale, abs=1e-12)
    assert (square[: filled[0], : filled[1]] == 200).all()
    assert not square[filled[0] :].any()
    assert not square[:, filled[1] :].any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 20_000), (20_000, 1), (3, 5000)])
def test_extreme_shapes_keep_one_pixel(height: int, width: int) -> None:
    square, scale = letterbox(np.full((height, width, 3), 9, np.uint8))
    assert scale > 0
    assert square[0, 0].tolist() == [9, 9, 9]


def test_frame_is_not_changed_and_may_be_read_only() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    rgb.flags.writeable = False
    square, _ = letterbox(rgb, 32)
    np.testing.assert_array_equal(square[:22], cv2.resize(rgb, (32, 22)))
