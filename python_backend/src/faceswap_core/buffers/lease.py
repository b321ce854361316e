"""Lease of a request's buffers: what passes through Triton in place of images."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_core.buffers.request_images import Size
from faceswap_core.errors import InvalidTensor
from faceswap_core.types import RgbImage

CHANNELS = 3
_TOKEN = re.compile(r"[0-9a-f]{32}")
_MOST_PARTS = 8


@dataclass(frozen=True, slots=True)
class Lease:
    """Names the two segments of a request and describes what is in them.

    token: 128 random bits in hexadecimal, so that a lease can be found but not guessed.
    target: (height, width) of the decoded target, in pixels.
    sources: the same for each decoded source, in the order of SOURCE_IMAGE.
    leased_at: when the request was admitted, in seconds of CLOCK_MONOTONIC.
    attached: sizes in bytes of the parts stored after the target's pixels, in order; see `BufferPool.attach`.
    """

    token: str
    target: Size
    sources: tuple[Size, ...] = ()
    leased_at: float = 0.0
    attached: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The value of the tensor `lease`: UTF-8 JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def parse(cls, encoded: bytes) -> Lease:
        """Reads the bytes of `encode`; raises InvalidTensor for others, because callers can address a step directly."""
        try:
            held = json.loads(encoded)
            sources = tuple(_size(each) for each in held["sources"])
            attached = _counts(held["attached"])
            lease = cls(str(held["token"]), _size(held["target"]), sources, float(held["leased_at"]), attached)
        except (ValueError, TypeError, KeyError, OverflowError):
            raise InvalidTensor("'lease' is not a lease") from None
        if not _TOKEN.fullmatch(lease.token):
            raise InvalidTensor("'lease' is not a lease")
        return lease


def _size(value: object) -> Size:
    if not isinstance(value, list) or len(value) != 2 or not all(type(side) is int and side > 0 for side in value):
        raise ValueError("a size is two positive numbers")
    return value[0], value[1]


def _counts(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > _MOST_PARTS:
        raise ValueError("the attached parts are a short list")
    if not all(type(count) is int and count >= 0 for count in value):
        raise ValueError("a size in bytes is a whole number from 0")
    return tuple(value)


def image_bytes_of(size: Size) -> int:
    """Bytes of an RGB image."""
    return size[0] * size[1] * CHANNELS


def split_packed(packed: NDArray[np.uint8], sizes: Sequence[Size]) -> tuple[RgbImage, ...]:
    """RGB images, uint8 [H, W, 3], that lie one after another in uint8 [bytes], as views."""
    images, start = [], 0
    for size in sizes:
        stop = start + image_bytes_of(size)
        images.append(packed[start:stop].reshape(*size, 3))
        start = stop
    return tuple(images)
