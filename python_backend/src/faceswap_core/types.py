"""Result types shared by the steps. Frozen, slotted; arrays are never written to after construction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RgbImage = NDArray[np.uint8]
"""[height, width, 3] uint8 RGB, row-major, pixel centres at whole numbers."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face, in pixels of the upright image it was found in.

    `box` is (left, top, right, bottom) and may reach beyond the image: SCRFD's boxes are not clipped.
    `landmarks` is float32 [5, 2] of (x, y): left eye, right eye, nose, left and right mouth corner, as
    seen in the image.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: Floats

    @property
    def centre_x(self) -> float:
        return (self.box[0] + self.box[2]) / 2

    @property
    def area(self) -> float:
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])

    @property
    def shorter_side(self) -> float:
        return min(self.box[2] - self.box[0], self.box[3] - self.box[1])
