"""Affine transforms of points, by OpenCV, and landmarks of a face placed in an image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from faceswap_core.faces.geometry import crop_template
from numpy.typing import NDArray


def transform_points(points: NDArray[np.floating[Any]], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """`points` [N, 2] moved by `affine` [2, 3]: float64 [N, 2]."""
    return np.asarray(cv2.transform(np.asarray(points, np.float64)[None], affine)[0], np.float64)


def invert_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine [2, 3] that undoes `affine`."""
    return np.asarray(cv2.invertAffineTransform(affine), np.float64)


def face_landmarks(x: float, y: float, side: float, roll: float) -> NDArray[np.float32]:
    """Five landmarks of a face whose crop is centred at (x, y), `side` pixels wide and rolled in degrees."""
    c, s = side / 128 * np.cos(np.deg2rad(roll)), side / 128 * np.sin(np.deg2rad(roll))
    centred = crop_template(128).astype(np.float64) - 64
    return transform_points(centred, np.array([[c, -s, x], [s, c, y]])).astype(np.float32)
