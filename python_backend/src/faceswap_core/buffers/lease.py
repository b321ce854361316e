"""What passes through Triton in place of frames: which lease holds them, and how large they are."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from faceswap_core.buffers.request_images import Size
from faceswap_core.errors import InvalidTensor

CHANNELS = 3
_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Lease:
    """Names the two segments of a request.

    token: 128 random bits in hexadecimal, so that a lease can be found but not guessed.
    leased_at: when the request was admitted, in seconds since 1970.
    encoded: bytes of the target as it was sent, which lie behind its frame; 0 when nobody will ask for them.
    """

    token: str
    target: Size
    sources: tuple[Size, ...] = ()
    leased_at: float = 0.0
    encoded: int = 0

    def encode(self) -> bytes:
        """As the tensor `frames` holds it: UTF-8 JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def parse(cls, encoded: bytes) -> Lease:
        """Reads `encode`'s bytes; raises InvalidTensor for anything else, because callers can reach a step alone."""
        try:
            held = json.loads(encoded)
            sources = tuple(_size(each) for each in held["sources"])
            since, behind = float(held["leased_at"]), _count(held["encoded"])
            lease = cls(str(held["token"]), _size(held["target"]), sources, since, behind)
        except (ValueError, TypeError, KeyError, OverflowError):
            raise InvalidTensor("'frames' is not a lease") from None
        if not _TOKEN.fullmatch(lease.token):
            raise InvalidTensor("'frames' is not a lease")
        return lease


def _size(value: object) -> Size:
    if not isinstance(value, list) or len(value) != 2 or not all(type(side) is int and side > 0 for side in value):
        raise ValueError("a size is two positive numbers")
    return value[0], value[1]


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count is a number from 0 on")
    return value


def image_bytes_of(size: Size) -> int:
    """Bytes of an RGB frame."""
    return size[0] * size[1] * CHANNELS
