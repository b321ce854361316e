"""insightface's letterbox: the image scaled into the top-left corner of a black square.

The rule is that of `SCRFD._detect_candidates` (insightface/model_zoo/scrfd.py, 2.1): the longer side fills the
square, the other is cut to a whole number by `int()`, and cv2's INTER_LINEAR resizes without a prefilter.
A JPEG decoder's own scaled decode would give the detector another image: docs/adr/0024-codecs.md.
"""

from __future__ import annotations

import cv2
import numpy as np
from faceswap_contract.limits import DETECTOR_SIZE

from faceswap_core.types import RgbImage


def _scaled_size(height: int, width: int, size: int) -> tuple[int, int]:
    """(height, width) of the image inside the square. At least 1 each, where insightface fails on a zero side."""
    ratio = float(height) / width
    if ratio > 1.0:
        return size, max(1, int(size / ratio))
    return max(1, int(size * ratio)), size


def letterbox_scale(height: int, width: int, size: int = DETECTOR_SIZE) -> float:
    """Square pixels per image pixel, as insightface computes it: from the heights, used for both axes.

    Dividing a point of the square, in (x, y) pixels, by it gives the point in the image.
    """
    return float(_scaled_size(height, width, size)[0]) / height


def letterbox(rgb: RgbImage, size: int = DETECTOR_SIZE, out: RgbImage | None = None) -> tuple[RgbImage, float]:
    """Scales an image into the top-left corner of a black square.

    Args:
        rgb: uint8 [H,W,3]; any channel order.
        size: side of the square in pixels.
        out: uint8 [size,size,3], overwritten and returned; None makes one.

    Returns:
        The square, uint8 [size,size,3], and `letterbox_scale` of the image.
    """
    height, width = rgb.shape[:2]
    scaled_height, scaled_width = _scaled_size(height, width, size)
    square = np.empty((size, size, 3), np.uint8) if out is None else out
    square[scaled_height:] = 0
    square[:scaled_height, scaled_width:] = 0
    corner = square[:scaled_height, :scaled_width]
    cv2.resize(rgb, (scaled_width, scaled_height), dst=corner, interpolation=cv2.INTER_LINEAR)
    return square, letterbox_scale(height, width, size)
