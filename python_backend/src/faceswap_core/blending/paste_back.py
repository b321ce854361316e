"""Paste-back: blends a swapped crop into its image, in place."""

from __future__ import annotations

import math

import cv2
import numpy as np
from faceswap_contract.limits import SWAP_SIZE
from numpy.typing import NDArray

from faceswap_core.blending.exact import blend_exact
from faceswap_core.blending.fast import blend_fast
from faceswap_core.blending.feather import Region, eroded_spans, feather_size, visible_spans
from faceswap_core.blending.feather_grid import feather_grid
from faceswap_core.blending.warp_lattice import warp_lattice
from faceswap_core.errors import InvalidTensor
from faceswap_core.options import Blend
from faceswap_core.types import RgbImage

__all__ = ["Region", "paste_face"]

BEFORE, AFTER = 2, 1
"""Pixels around the outline of the warped crop, left and above, right and below, that belong to the region of a face.

The mask begins one pixel inside the outline and ends on its last pixel, so AFTER is the least that is right, and BEFORE
is not: but the coarse grid of `fast` begins at BEFORE, and another start changes its results by up to 5 levels. See
docs/adr/0025-region-of-a-pasted-face.md."""


def paste_face(
    image: RgbImage, swapped_crop: RgbImage, crop_affine: NDArray[np.float64], blend: Blend = Blend.FAST
) -> Region | None:
    """Pastes one swapped crop into `image`, which is changed in place.

    Args:
        image: uint8 RGB [H, W, 3], C-contiguous and writable.
        swapped_crop: uint8 RGB [128, 128, 3].
        crop_affine: float64 [2, 3], image pixels (x, y) to crop pixels; the one the crop was cut with.
        blend: `exact` gives the numbers of insightface 2.1's `INSwapper.get`; `fast` differs from it by a
            few levels in the soft edge.

    Returns:
        The rectangle that holds every pixel that may have changed, or None when no part of the face is
        visible (insightface raises there) and nothing was changed.

    Raises:
        InvalidTensor: a wrong shape or type, a read-only image, or an affine that has no inverse.
    """
    swapped_crop = np.ascontiguousarray(swapped_crop)  # a transposed one costs OpenCV a copy for every strip
    image_to_crop, crop_to_image = _checked(image, swapped_crop, crop_affine)
    height, width = image.shape[:2]
    region = _touched(crop_to_image, height, width)
    if region is None:
        return None
    visible = visible_spans(warp_lattice(image_to_crop, region.rows, region.columns), region)
    extent = visible.extent()
    if extent is None:
        return None
    size = feather_size(*extent)
    # the grid mirrors the mask once at each edge; an image narrower than the blur would need more
    if blend is Blend.EXACT or min(height, width) <= 2 * size.blur_radius:
        blend_exact(image, swapped_crop, image_to_crop, region, size)
    else:
        spans = eroded_spans(visible, region, size, (height, width))
        blend_fast(image, swapped_crop, image_to_crop, feather_grid(spans, region, size, (height, width)))
    return region


def _checked(
    image: RgbImage, swapped_crop: RgbImage, crop_affine: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The affine in both directions, inverted twice as insightface and OpenCV do between them."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InvalidTensor(f"image is {image.dtype} {image.shape}, want uint8 [H, W, 3]")
    if not (image.flags.c_contiguous and image.flags.writeable):
        raise InvalidTensor("image must be C-contiguous and writable: faces are pasted in place")
    if swapped_crop.dtype != np.uint8 or swapped_crop.shape != (SWAP_SIZE, SWAP_SIZE, 3):
        raise InvalidTensor(f"swapped crop is {swapped_crop.dtype} {swapped_crop.shape}, want uint8 [128, 128, 3]")
    affine = np.asarray(crop_affine, dtype=np.float64)
    if affine.shape != (2, 3) or not np.isfinite(affine).all():
        raise InvalidTensor(f"crop affine must be [2, 3] of finite numbers, got {affine.shape}")
    if affine[0, 0] * affine[1, 1] == affine[0, 1] * affine[1, 0]:
        raise InvalidTensor("crop affine has no inverse")
    crop_to_image = np.asarray(cv2.invertAffineTransform(affine), dtype=np.float64)
    return np.asarray(cv2.invertAffineTransform(crop_to_image), dtype=np.float64), crop_to_image


def _touched(crop_to_image: NDArray[np.float64], height: int, width: int) -> Region | None:
    """The part of the image that the warped crop's blurred mask can reach; None when there is none.

    The warped square is above 0 strictly inside its outline, whose corners are at -1 and 128 in crop pixels; rounding
    to the lattice never lifts a pixel on the outline. The blur widens it by what the erosion before it removed, and one
    pixel more on the right and below, because the window of an even k is off-centre.
    """
    outermost = (-1.0, float(SWAP_SIZE))
    corners = [(u, v) for u in outermost for v in outermost]
    (a, b, c), (d, e, f) = crop_to_image.tolist()
    x = [a * u + b * v + c for u, v in corners]
    y = [d * u + e * v + f for u, v in corners]
    x0, y0 = max(0, math.floor(min(x)) - BEFORE), max(0, math.floor(min(y)) - BEFORE)
    x1, y1 = min(width, math.ceil(max(x)) + AFTER), min(height, math.ceil(max(y)) + AFTER)
    return Region(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
