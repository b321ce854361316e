"""Exact paste-back: insightface's arithmetic, tile by tile inside the face's region.

The numbers are those of `INSwapper.get` (insightface 2.1): same fixed-point warp, same erosion, same float32
blur and blend, truncated to uint8. Its `fake_diff` plane is never used there and not computed here.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_core.blending.feather import VISIBLE_PRODUCT, FeatherSize, Region, square_product
from faceswap_core.blending.warp_lattice import WarpLattice, sample_crop, warp_lattice
from faceswap_core.types import Floats, RgbImage

_TILE = 128
_VISIBLE = 255
# The grey value of each mask code: below VISIBLE_PRODUCT the code is the ramp product, in 1024ths of white.
_GREY = np.arange(256, dtype=np.float32) * np.float32(255 / 1024)
_GREY[_VISIBLE] = 255.0
_GREY.setflags(write=False)


def blend_exact(
    image: RgbImage, crop: RgbImage, image_to_crop: NDArray[np.float64], region: Region, size: FeatherSize
) -> None:
    """Pastes `crop` into `image` in place.

    Args:
        image: RGB [H, W, 3], writable.
        crop: RGB [128, 128, 3].
        image_to_crop: affine [2, 3], image pixels to crop pixels.
        region: image rectangle that holds everything that changes.
    """
    height, width = image.shape[:2]
    window = region.grown(size.erode_before, size.erode_after, height, width)
    lattice = warp_lattice(image_to_crop, window.rows, window.columns)
    radius = size.blur_radius
    around = region.grown(radius, radius, height, width)
    mask = _placed(_eroded_square(lattice, window, region, size), region, around)
    flat = _blurred(np.full((2 * radius + 17,) * 2, _VISIBLE, np.uint8), radius)[radius + 8, radius + 8]
    for tile in _tiles(region, max(_TILE, 2 * radius)):
        near = tile.grown(radius, radius, height, width)
        codes = mask[near.within(around)]
        if not codes.any():
            continue
        swapped = sample_crop(crop, lattice.part(*tile.within(window)))
        if flat == 255.0 and int(codes.min()) == _VISIBLE:
            image[tile.slices] = swapped
        else:
            # where `near` ends at the image's edge OpenCV mirrors, as it does for the whole image
            _mix(image[tile.slices], swapped, _blurred(codes, radius)[tile.within(near)])


def _tiles(region: Region, side: int) -> Iterator[Region]:
    for y0 in range(region.y0, region.y1, side):
        for x0 in range(region.x0, region.x1, side):
            yield Region(x0, y0, min(x0 + side, region.x1), min(y0 + side, region.y1))


def _eroded_square(lattice: WarpLattice, window: Region, region: Region, size: FeatherSize) -> NDArray[np.uint8]:
    """Mask codes of `region` after erosion, uint8.

    The warped square falls off from its middle in every direction, so the minimum over a window lies in one
    of the window's corners: two passes instead of k. Beyond the image's edge nothing erodes, which is what
    repeating the outermost pixel does.
    """
    product = square_product(lattice)
    codes = np.where(product >= VISIBLE_PRODUCT, _VISIBLE, product).astype(np.uint8)
    before, after = size.erode_before, size.erode_after
    padded = cv2.copyMakeBorder(
        codes,
        before - (region.y0 - window.y0),
        after - (window.y1 - region.y1),
        before - (region.x0 - window.x0),
        after - (window.x1 - region.x1),
        cv2.BORDER_REPLICATE,
    )
    reach = before + after
    along_x = np.minimum(padded[:, : region.width], padded[:, reach : reach + region.width])
    return np.asarray(np.minimum(along_x[: region.height], along_x[reach : reach + region.height]))


def _placed(mask: NDArray[np.uint8], region: Region, around: Region) -> NDArray[np.uint8]:
    """The mask of `region` in the larger rectangle `around`, zero elsewhere."""
    placed = np.zeros((around.height, around.width), dtype=np.uint8)
    placed[region.within(around)] = mask
    return placed


def _blurred(codes: NDArray[np.uint8], radius: int) -> Floats:
    grey = cv2.LUT(codes, _GREY)
    return np.asarray(cv2.GaussianBlur(grey, (2 * radius + 1, 2 * radius + 1), 0))


def _mix(target: RgbImage, swapped: RgbImage, blurred: Floats) -> None:
    """insightface's last four lines: alpha = mask / 255; uint8(alpha * face + (1 - alpha) * image)."""
    alpha = cv2.cvtColor(np.divide(blurred, np.float32(255)), cv2.COLOR_GRAY2RGB)
    mixed = np.multiply(alpha, swapped, dtype=np.float32)
    np.subtract(np.float32(1), alpha, out=alpha)
    np.multiply(alpha, target, out=alpha, dtype=np.float32)
    np.add(mixed, alpha, out=mixed)
    target[...] = mixed.astype(np.uint8)
