"""The decoded images of one request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from faceswap_core.types import RgbImage

Size = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True, slots=True)
class RequestImages:
    """uint8 RGB frames, upright, C-contiguous and writable.

    target: [H, W, 3].
    sources: [h, w, 3] each, in the order of SOURCE_IMAGE.
    """

    target: RgbImage
    sources: tuple[RgbImage, ...] = ()


Allocate = Callable[[Size, Sequence[Size]], RequestImages]
"""Makes room for a target and its sources, before anything is decoded. May raise ServerBusy or TooManyPixels."""


def own_memory(target: Size, sources: Sequence[Size]) -> RequestImages:
    """Room in this process alone."""
    return RequestImages(_empty(target), tuple(_empty(size) for size in sources))


def _empty(size: Size) -> RgbImage:
    return np.empty((*size, 3), dtype=np.uint8)
