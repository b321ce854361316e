"""Feathered mask of a pasted face: insightface's eroded and blurred square, without its full-size planes.

insightface (`INSwapper.get`) warps a white 128 x 128 square to the image, lifts what is above 20 to 255,
erodes with a k x k window and blurs with a Gaussian, where k and the blur follow from the bounding box of
the part that is visible. Coordinates: image pixels (x, y), centres at whole numbers; crop positions on the
lattice of `faceswap_core.blending.warp_lattice`, in 1/32 pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from faceswap_contract.limits import SWAP_SIZE
from numpy.typing import NDArray

from faceswap_core.blending.warp_lattice import FRACTION_BITS, SUBPIXELS, WarpLattice

# The warped square is 255 * ramp(u) * ramp(v), each ramp in 32nds: above 20 from a product of 81 on.
VISIBLE_PRODUCT = 81
# Along a side the other ramp is 32, so a side is visible from 3/32 of its ramp on.
_VISIBLE_RAMP = math.ceil(VISIBLE_PRODUCT / SUBPIXELS)
_LOWEST_VISIBLE = _VISIBLE_RAMP - SUBPIXELS
_HIGHEST_VISIBLE = SWAP_SIZE * SUBPIXELS - _VISIBLE_RAMP


@dataclass(frozen=True, slots=True)
class Region:
    """A half-open pixel rectangle: columns x0 to x1 - 1, rows y0 to y1 - 1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def rows(self) -> range:
        return range(self.y0, self.y1)

    @property
    def columns(self) -> range:
        return range(self.x0, self.x1)

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index an image [height, width, ...]."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def within(self, outer: Region) -> tuple[slice, slice]:
        """To index an array that covers `outer`."""
        return (
            slice(self.y0 - outer.y0, self.y1 - outer.y0),
            slice(self.x0 - outer.x0, self.x1 - outer.x0),
        )

    def grown(self, before: int, after: int, height: int, width: int) -> Region:
        """Larger by `before` to the left and top and by `after` to the right and bottom, inside the image."""
        return Region(
            max(self.x0 - before, 0),
            max(self.y0 - before, 0),
            min(self.x1 + after, width),
            min(self.y1 + after, height),
        )


@dataclass(frozen=True, slots=True)
class FeatherSize:
    """How far insightface erodes and blurs, in image pixels.

    The erosion window of pixel x covers x - erode_before to x + erode_after; for an even k it is off-centre.
    `blur_radius` r means a Gaussian of 2r + 1 taps.
    """

    erode_before: int
    erode_after: int
    blur_radius: int

    @property
    def blur_sigma(self) -> float:
        """OpenCV's rule for sigma 0: 0.3 * ((ksize - 1) * 0.5 - 1) + 0.8."""
        return 0.3 * (self.blur_radius - 1) + 0.8


def feather_size(visible_width: int, visible_height: int) -> FeatherSize:
    """Erosion and blur for a visible part of that extent (largest minus smallest pixel index)."""
    mask_size = int(math.sqrt(visible_width * visible_height))
    erosion = max(mask_size // 10, 10)
    return FeatherSize(erosion // 2, erosion - 1 - erosion // 2, max(mask_size // 20, 5))


def square_product(lattice: WarpLattice) -> NDArray[np.int32]:
    """The warped white square as ramp(u) * ramp(v), int32 0 to 1024; 255/1024 times it is its grey value."""
    return _ramp(lattice.u()) * _ramp(lattice.v())


def _ramp(position: NDArray[np.int32]) -> NDArray[np.int32]:
    """0 one pixel outside the crop, 32 from its outermost pixels on."""
    rising = position + SUBPIXELS
    np.minimum(rising, SWAP_SIZE * SUBPIXELS - position, out=rising)
    np.minimum(rising, SUBPIXELS, out=rising)
    return np.maximum(rising, 0, out=rising)


@dataclass(frozen=True, slots=True)
class RowSpans:
    """A convex shape, row by row: columns first[i] to last[i] - 1 of the image.

    int64, one entry per row of some region; first = last = 0 where a row is empty.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def extent(self) -> tuple[int, int] | None:
        """Width and height as insightface counts them, largest minus smallest index; None when empty."""
        rows = np.flatnonzero(self.last > self.first)
        if not len(rows):
            return None
        width = int(self.last[rows].max()) - 1 - int(self.first[rows].min())
        return width, int(rows[-1] - rows[0])


def visible_spans(lattice: WarpLattice, region: Region) -> RowSpans:
    """Where the warped white square is above 20, for each row of `region`.

    `lattice` is the region's. Along a row each coordinate only rises or only falls, so a side of the square
    is found by bisection; the corners, which the product of two ramps rounds off, by walking inwards.
    """
    first = np.zeros(region.height, dtype=np.int64)
    last = np.full(region.height, region.width, dtype=np.int64)
    for columns, rows in ((lattice.u_columns, lattice.u_rows), (lattice.v_columns, lattice.v_rows)):
        low, high = _LOWEST_VISIBLE * SUBPIXELS, _HIGHEST_VISIBLE * SUBPIXELS + SUBPIXELS - 1
        sign = -1 if columns[-1] < columns[0] else 1
        least, most = (low, high) if sign > 0 else (-high, -low)
        rising = sign * columns
        np.maximum(first, np.searchsorted(rising, least - sign * rows, side="left"), out=first)
        np.minimum(last, np.searchsorted(rising, most - sign * rows, side="right"), out=last)
    _walk_inwards(lattice, first, last)
    empty = last <= first
    return RowSpans(np.where(empty, 0, first + region.x0), np.where(empty, 0, last + region.x0))


def _walk_inwards(lattice: WarpLattice, first: NDArray[np.int64], last: NDArray[np.int64]) -> None:
    """Moves both ends, in place, to the outermost column whose ramp product is visible."""
    for ends, inwards, offset in ((first, 1, 0), (last, -1, -1)):
        rows = np.flatnonzero(first < last)
        reach = 1
        while len(rows):
            steps = np.arange(reach, dtype=np.int64)
            columns = np.clip(ends[rows, None] + offset + inwards * steps, 0, len(lattice.u_columns) - 1)
            u = (lattice.u_rows[rows, None] + lattice.u_columns[columns]) >> FRACTION_BITS
            v = (lattice.v_rows[rows, None] + lattice.v_columns[columns]) >> FRACTION_BITS
            visible = _ramp(u) * _ramp(v) >= VISIBLE_PRODUCT
            found = visible.any(axis=1)
            ends[rows] += inwards * np.where(found, visible.argmax(axis=1), reach)
            rows = rows[~found]
            rows = rows[first[rows] < last[rows]]
            reach = 8


def eroded_spans(visible: RowSpans, region: Region, size: FeatherSize, image_shape: tuple[int, int]) -> RowSpans:
    """The visible square after erosion, for the same rows.

    A convex shape covers a window when it covers the window's corners, so each end of a row is the tighter
    one of two rows. Like `cv2.erode`, pixels beyond the image's edge do not erode: there the corner is the
    nearest pixel of the image. Left out are grey values of at most 20 of 255 along the sides, which
    insightface's erosion keeps.

    Args:
        visible: spans of the rows of `region`; rows outside of it are empty.
        image_shape: (height, width).
    """
    height, width = image_shape
    y = np.arange(region.y0, region.y1)
    first = np.full(region.height, 0, dtype=np.int64)
    last = np.full(region.height, width, dtype=np.int64)
    for corner in (np.maximum(y - size.erode_before, 0), np.minimum(y + size.erode_after, height - 1)):
        inside = (corner >= region.y0) & (corner < region.y1)
        row = np.where(inside, corner - region.y0, 0)
        begin, end = visible.first[row], visible.last[row]
        np.maximum(first, np.where(begin == 0, 0, begin + size.erode_before), out=first)
        np.minimum(last, np.where(end == width, width, end - size.erode_after), out=last)
        last[~inside | (end <= begin)] = 0
    empty = last <= first
    return RowSpans(np.where(empty, 0, first), np.where(empty, 0, last))
