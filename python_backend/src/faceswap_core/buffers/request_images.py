"""Decoded images of one request, and the function that allocates memory for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from faceswap_core.types import RgbImage

Size = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True, slots=True)
class RequestImages:
    """uint8 RGB images, upright, C-contiguous and writable.

    target: [H, W, 3].
    sources: [h, w, 3] each, in the order of SOURCE_IMAGE.
    """

    target: RgbImage
    sources: tuple[RgbImage, ...] = ()


class Allocate(Protocol):
    """Allocates memory for a target and its sources, before anything is decoded."""

    def __call__(self, target: Size, sources: Sequence[Size], attached_bytes: int = 0) -> RequestImages:
        """May raise ServerBusy or TooManyPixels.

        Args:
            attached_bytes: room for what will be kept beside the target's pixels.
        """


def own_memory(target: Size, sources: Sequence[Size], attached_bytes: int = 0) -> RequestImages:
    """An `Allocate` in the memory of this process."""
    return RequestImages(_empty(target), tuple(_empty(size) for size in sources))


def _empty(size: Size) -> RgbImage:
    return np.empty((*size, 3), dtype=np.uint8)
