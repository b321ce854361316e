"""Feather weights on a coarse grid, computed from the row spans of the eroded square.

Blurring a row that is white from one column to another needs no convolution: the result is the difference
of two cumulated Gaussians. So the blur along x is a table look-up, computed only at every m-th column; the
rows are then averaged m at a time and blurred along y on the small grid. What averaging and linear
interpolation add to the blur is taken out of the Gaussian beforehand. Work and memory depend on the
height of the face and not on its area.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_core.blending.feather import FeatherSize, Region, RowSpans
from faceswap_core.types import Floats

# At half a sigma per step the weights stay within 3/255 of the blurred mask, at 0.4 within 1/255 (measured);
# 0.4 would mean step 1 for a 400-pixel face and cost it half as much again.
_STEPS_PER_SIGMA = 2.0


@dataclass(frozen=True, slots=True)
class FeatherGrid:
    """Weights of the swapped crop at every `step`-th pixel of `region`.

    weights[i, j], 0 to 1, float32, belongs to the centre of the cell of step x step pixels whose corner is
    (region.x0 + j * step, region.y0 + i * step); `step` is odd. Between centres: linear.
    """

    weights: Floats
    step: int
    region: Region


def feather_grid(spans: RowSpans, region: Region, size: FeatherSize, image_shape: tuple[int, int]) -> FeatherGrid:
    """Blurs the eroded square.

    Args:
        spans: the square, one span per row of `region`.
        region: image rectangle that holds all of the blurred square that lies inside the image.
        image_shape: (height, width); beyond the edge the mask is mirrored, like OpenCV's default border.
    """
    height, width = image_shape
    step = max(1, int(size.blur_sigma / _STEPS_PER_SIGMA) - 1 | 1)
    margin = math.ceil(size.blur_radius / step)
    rows = math.ceil(region.height / step) + 2 * margin
    first, last = _mirrored_rows(spans, region, step * margin, step * rows, height)
    blurred = _blur_along_rows(first, last, region, size, step, width)
    added = _averaging_variance(step) + _interpolation_variance(step)
    kernel = _gaussian(margin, _variance(size.blur_radius) - added, step)
    weights = np.asarray(cv2.sepFilter2D(blurred, cv2.CV_32F, np.ones(1, np.float32), kernel), np.float32)
    return FeatherGrid(weights[margin : rows - margin], step, region)


def _averaging_variance(step: int) -> float:
    """By which the mean of `step` pixels widens a blur, in pixels squared."""
    return (step**2 - 1) / 12


def _interpolation_variance(step: int) -> float:
    """By which to narrow the blur against linear interpolation between every `step`-th pixel, in pixels squared.

    Interpolation is exact at the grid and widens the blur by at most (step^2 - 1) / 4 between; half of it
    makes both errors equal and smallest.
    """
    return (step**2 - 1) / 8


@lru_cache(maxsize=256)
def _variance(radius: int) -> float:
    """Of insightface's kernel, in pixels squared; a little under sigma^2 because the kernel is cut off."""
    taps = cv2.getGaussianKernel(2 * radius + 1, 0)[:, 0]
    return float(taps @ np.arange(-radius, radius + 1) ** 2)


def _gaussian(radius: int, variance: float, step: int) -> Floats:
    kernel = cv2.getGaussianKernel(2 * radius + 1, math.sqrt(variance) / step, cv2.CV_32F)
    return np.asarray(kernel, dtype=np.float32)


def _mirrored_rows(
    spans: RowSpans, region: Region, margin: int, count: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spans of `count` rows from `margin` rows above the region on; mirrored at the image's edge."""
    y = np.abs(np.arange(region.y0 - margin, region.y0 - margin + count))
    y = (height - 1) - np.abs(height - 1 - y)
    inside = (y >= region.y0) & (y < region.y1)
    index = np.where(inside, y - region.y0, 0)
    return np.where(inside, spans.first[index], 0), np.where(inside, spans.last[index], 0)


def _blur_along_rows(
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    region: Region,
    size: FeatherSize,
    step: int,
    width: int,
) -> Floats:
    """Spans blurred along x at the centre of every `step`-th column, averaged over `step` rows.

    Returns float32 [len(first) / step, columns].
    """
    steps = _BlurredSteps.of(region, size, step)
    edges = [(first, 1), (last, -1)]
    # the mirror images of what lies beside the image's left and right edge; the edge itself is not doubled
    if region.x0 <= size.blur_radius:
        end = 1 - np.maximum(first, 1)
        edges += [(np.minimum(1 - last, end), 1), (end, -1)]
    if region.x1 >= width - size.blur_radius:
        edges += [(2 * width - 1 - np.minimum(last, width - 1), 1), (2 * width - 1 - first, -1)]
    blurred = np.zeros((len(first) // step, steps.columns), dtype=np.float32)
    for columns, sign in edges:
        add = np.add if sign > 0 else np.subtract
        rows = steps.row_numbers(columns)
        for phase in range(step):
            add(blurred, steps.windows[rows[phase::step]], out=blurred)
    return np.multiply(blurred, np.float32(1 / step), out=blurred) if step > 1 else blurred


@dataclass(frozen=True, slots=True)
class _BlurredSteps:
    """Rows that are 0 before some column and 1 from it on, blurred and sampled at the grid's columns.

    `windows[i]` is the row whose step lies i positions before the last possible one; positions are sorted by
    their remainder by the grid's step, so that the samples of a row lie side by side in memory.
    """

    windows: Floats
    columns: int
    step: int
    origin: int
    positions: int

    @staticmethod
    def of(region: Region, size: FeatherSize, step: int) -> _BlurredSteps:
        columns = math.ceil(region.width / step)
        radius = size.blur_radius
        sigma = math.sqrt(_variance(size.blur_radius) - _interpolation_variance(step)) if step > 1 else 0.0
        cumulated = np.cumsum(cv2.getGaussianKernel(2 * radius + 1, sigma, cv2.CV_64F)[:, 0])
        # steps from one region's width before the first sample (mirrored ones) to as far behind the last one
        reach = step * math.ceil((region.width + 2 * radius) / step + 2)
        table = np.ones(2 * reach + step * columns, dtype=np.float32)
        table[: reach - radius] = 0
        table[reach - radius : reach + radius + 1] = cumulated
        by_remainder = np.ascontiguousarray(table.reshape(-1, step).T)
        windows = np.lib.stride_tricks.sliding_window_view(by_remainder.ravel(), columns)
        return _BlurredSteps(windows, columns, step, region.x0 + step // 2 + reach, by_remainder.shape[1])

    def row_numbers(self, first: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which rows of `windows` step up at columns `first`, counted in the image and maybe beyond it."""
        position = np.clip(self.origin - first, 0, (self.positions - self.columns) * self.step)
        if self.step == 1:
            return position
        before, remainder = np.divmod(position, self.step)
        return np.asarray(remainder * self.positions + before, dtype=np.int64)
