"""Fixed-point sampling lattice of `cv2.warpAffine`, for any rectangle of the image.

OpenCV's bilinear warp does not sample at affine @ (x, y, 1) but at the nearest 1/32 of a source pixel, found
in whole numbers: round(1024*m0*x) + round(1024*(m1*y + m2)) + 16, shifted right by 5 (OpenCV 4.11,
modules/imgproc/src/imgwarp.cpp, `WarpAffineInvoker`). Warping a rectangle by itself, with a shifted affine,
rounds differently for some pixels in a hundred. Computing the lattice from the image's own origin instead
gives a rectangle of the full-size warp, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_core.types import RgbImage

SUBPIXELS = 32
"""Steps per source pixel (OpenCV's INTER_TAB_SIZE)."""
FRACTION_BITS = 5
_SCALE = 1024
_ROUND = _SCALE // SUBPIXELS // 2
# Beyond this a coordinate is far outside any crop; keeps the sum of two inside int32.
_FAR = 2**29


@dataclass(frozen=True, slots=True)
class WarpLattice:
    """Fixed-point coordinates of a rectangle, split into what a column and what a row adds.

    The crop position of the pixel in row i, column j is ((u_rows[i] + u_columns[j]) >> 5,
    (v_rows[i] + v_columns[j]) >> 5) in 1/32 of a crop pixel. All int32; each array is monotone.
    """

    u_columns: NDArray[np.int32]
    u_rows: NDArray[np.int32]
    v_columns: NDArray[np.int32]
    v_rows: NDArray[np.int32]

    def part(self, rows: slice, columns: slice) -> WarpLattice:
        """The lattice of a smaller rectangle; slices count from this one's corner."""
        return WarpLattice(self.u_columns[columns], self.u_rows[rows], self.v_columns[columns], self.v_rows[rows])

    def u(self) -> NDArray[np.int32]:
        """Crop x of every pixel, int32 [rows, columns] in 1/32 pixel."""
        return np.add.outer(self.u_rows, self.u_columns) >> FRACTION_BITS

    def v(self) -> NDArray[np.int32]:
        """Crop y of every pixel, int32 [rows, columns] in 1/32 pixel."""
        return np.add.outer(self.v_rows, self.v_columns) >> FRACTION_BITS


def warp_lattice(image_to_crop: NDArray[np.float64], rows: range, columns: range) -> WarpLattice:
    """The lattice of the pixels `rows` x `columns` of an image.

    Args:
        image_to_crop: affine [2, 3] as `warpAffine` holds it after its own inversion.
        rows, columns: consecutive pixel rows and columns, counted from the image's corner.
    """
    x = np.arange(columns.start, columns.stop, dtype=np.float64)
    y = np.arange(rows.start, rows.stop, dtype=np.float64)
    (m0, m1, m2), (m3, m4, m5) = image_to_crop.tolist()
    u_columns, u_rows = _split(np.rint(m0 * x * _SCALE), np.rint((m1 * y + m2) * _SCALE))
    v_columns, v_rows = _split(np.rint(m3 * x * _SCALE), np.rint((m4 * y + m5) * _SCALE))
    return WarpLattice(u_columns, u_rows, v_columns, v_rows)


def _split(columns: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Moves the first column's share into the rows, so that neither part is large near the crop."""
    shift = columns[0]
    near_columns = np.clip(columns - shift, -_FAR, _FAR).astype(np.int32)
    near_rows = np.clip(rows + shift + _ROUND, -_FAR, _FAR).astype(np.int32)
    return near_columns, near_rows


def sample_crop(crop: RgbImage, lattice: WarpLattice) -> RgbImage:
    """The crop, bilinear and black outside, at every lattice point: uint8 [rows, columns, 3]."""
    u, v = lattice.u(), lattice.v()
    whole = np.empty((*u.shape, 2), dtype=np.int16)
    whole[..., 0] = np.clip(u >> FRACTION_BITS, -(2**15), 2**15 - 1)
    whole[..., 1] = np.clip(v >> FRACTION_BITS, -(2**15), 2**15 - 1)
    fraction = ((v & (SUBPIXELS - 1)) << FRACTION_BITS) + (u & (SUBPIXELS - 1))
    sampled = cv2.remap(crop, whole, fraction.astype(np.uint16), cv2.INTER_LINEAR)
    return np.asarray(sampled, dtype=np.uint8)
