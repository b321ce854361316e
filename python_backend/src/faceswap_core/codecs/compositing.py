"""Alpha compositing over white or black."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_core.types import RgbImage

Level = Literal[0, 255]
WHITE: Level = 255
BLACK: Level = 0
_ROWS_AT_ONCE = 256


def over_background(rgb: RgbImage, alpha: NDArray[np.uint8], level: Level = WHITE) -> RgbImage:
    """alpha * colour + (1 - alpha) * background, rounded to the nearest, in the image's own encoded values.

    Args:
        rgb: uint8 [H, W, 3].
        alpha: uint8 [H, W], 255 is opaque, not premultiplied.
        level: white or black.

    Returns:
        uint8 [H, W, 3], a new array; computed in strips.
    """
    out = np.empty_like(rgb)
    for top in range(0, len(rgb), _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        opacity = cv2.merge([alpha[rows]] * 3)
        shown = cv2.multiply(np.ascontiguousarray(rgb[rows]), opacity, scale=1 / 255)
        out[rows] = cv2.add(shown, cv2.bitwise_not(opacity)) if level else shown
    return out
