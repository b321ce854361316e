"""Affine transforms of points, by OpenCV."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def transform_points(points: NDArray[np.floating[Any]], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """`points` [N, 2] moved by `affine` [2, 3]: float64 [N, 2]."""
    return np.asarray(cv2.transform(np.asarray(points, np.float64)[None], affine)[0], np.float64)


def invert_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine [2, 3] that undoes `affine`."""
    return np.asarray(cv2.invertAffineTransform(affine), np.float64)
