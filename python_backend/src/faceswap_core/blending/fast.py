"""Fast paste-back: the crop is warped strip by strip and blended in uint8, along its feathered edge only."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_core.blending.feather import Region
from faceswap_core.blending.feather_grid import FeatherGrid
from faceswap_core.types import Floats, RgbImage

# A strip's crop, weights and products together fit a core's second-level cache (best of 16k to 1M, measured).
_STRIP_PIXELS = 48 * 1024
# Weights that round to 0 or to 255 of 255.
_NOTHING, _EVERYTHING = 0.5 / 255, 254.5 / 255


class _Scratch(threading.local):
    """Each thread's buffers, kept between faces: without them every face touches some 200 fresh pages.

    Holds 10 bytes per pixel of the largest strip so far, about half a megabyte.
    """

    def __init__(self) -> None:
        self._bytes = np.empty(0, dtype=np.uint8)
        self._pixels = 0

    def reserve(self, pixels: int) -> None:
        if pixels > self._pixels:
            self._bytes, self._pixels = np.empty(10 * pixels, dtype=np.uint8), pixels

    def rgb(self, number: int, height: int, width: int) -> RgbImage:
        """Buffer 0, 1 or 2 as uint8 [height, width, 3]."""
        start = 3 * number * self._pixels
        return self._bytes[start : start + 3 * height * width].reshape(height, width, 3)

    def grey(self, height: int, width: int) -> NDArray[np.uint8]:
        start = 9 * self._pixels
        return self._bytes[start : start + height * width].reshape(height, width)


_SCRATCH = _Scratch()


def blend_fast(image: RgbImage, crop: RgbImage, image_to_crop: NDArray[np.float64], grid: FeatherGrid) -> None:
    """Pastes `crop` into `image` in place.

    Args:
        image: RGB [H, W, 3], writable.
        crop: RGB [128, 128, 3].
        image_to_crop: affine [2, 3], image pixels to crop pixels.
        grid: weights of the crop.
    """
    grid_rows = len(grid.weights)
    rows_per_strip = max(1, _STRIP_PIXELS // (grid.region.width * grid.step))
    _SCRATCH.reserve(grid.region.width * grid.step * min(rows_per_strip, grid_rows))
    for start in range(0, grid_rows, rows_per_strip):
        rows = slice(start, min(start + rows_per_strip, grid_rows))
        for part, cells, solid in _parts(grid, rows):
            target = image[part.slices]
            if solid:
                _warp(crop, image_to_crop, part, target)
            else:
                swapped = _warp(crop, image_to_crop, part, _SCRATCH.rgb(0, *target.shape[:2]))
                _mix(target, swapped, _weights(grid, rows, cells, part))


def _parts(grid: FeatherGrid, rows: slice) -> Iterator[tuple[Region, slice, bool]]:
    """What there is to do in a strip: pixels, their columns of grid cells, and whether only the crop shows.

    The weights fall off from the middle, so there are at most a soft, a solid and a soft part.
    """
    step, region = grid.step, grid.region
    # linear interpolation looks one cell further on every side
    around = grid.weights[max(rows.start - 1, 0) : rows.stop + 1]
    counts = around.max(axis=0) >= _NOTHING
    if not counts.any():
        return
    begin = max(int(counts.argmax()) - 1, 0)
    end = len(counts) - max(int(counts[::-1].argmax()) - 1, 0)
    full = around.min(axis=0) >= _EVERYTHING
    inner_begin = inner_end = end
    if full.any():
        first, last = int(full.argmax()) + 1, len(full) - int(full[::-1].argmax()) - 1
        if last > first:
            inner_begin, inner_end = first, last
    y0, y1 = region.y0 + rows.start * step, min(region.y0 + rows.stop * step, region.y1)
    for cells, solid in (
        (slice(begin, inner_begin), False),
        (slice(inner_begin, inner_end), True),
        (slice(inner_end, end), False),
    ):
        x0, x1 = region.x0 + cells.start * step, min(region.x0 + cells.stop * step, region.x1)
        if x1 > x0:
            yield Region(x0, y0, x1, y1), cells, solid


def _warp(crop: RgbImage, image_to_crop: NDArray[np.float64], part: Region, into: RgbImage) -> RgbImage:
    (a, b, c), (d, e, f) = image_to_crop.tolist()
    x, y = part.x0, part.y0
    shifted = np.array(((a, b, a * x + b * y + c), (d, e, d * x + e * y + f)))
    size = (part.x1 - x, part.y1 - y)
    cv2.warpAffine(crop, shifted, size, dst=into, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return into


def _weights(grid: FeatherGrid, rows: slice, cells: slice, part: Region) -> Floats:
    """The weights of every pixel of `part`, float32 [height, width]."""
    step = grid.step
    if step == 1:
        return grid.weights[rows, cells]
    above, left = min(rows.start, 1), min(cells.start, 1)
    small = grid.weights[rows.start - above : rows.stop + 1, cells.start - left : cells.stop + 1]
    size = (small.shape[1] * step, small.shape[0] * step)
    large = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return large[above * step :, left * step :][: part.height, : part.width]


def _mix(target: RgbImage, swapped: RgbImage, weights: Floats) -> None:
    """target = target * (255 - w) / 255 + swapped * w / 255 with w in 255ths, each product rounded."""
    height, width = weights.shape
    share = cv2.convertScaleAbs(weights, dst=_SCRATCH.grey(height, width), alpha=255.0)
    three = cv2.cvtColor(share, cv2.COLOR_GRAY2RGB, dst=_SCRATCH.rgb(1, height, width))
    cv2.multiply(swapped, three, dst=swapped, scale=1 / 255)
    cv2.bitwise_not(three, dst=three)
    kept = cv2.multiply(target, three, dst=_SCRATCH.rgb(2, height, width), scale=1 / 255)
    cv2.add(swapped, kept, dst=target)
