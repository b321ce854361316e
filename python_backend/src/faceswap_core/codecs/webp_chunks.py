"""WebP's RIFF chunks: header facts, EXIF and ICC (developers.google.com/speed/webp/docs/riff_container)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from faceswap_core.codecs.header_facts import CorruptDataError, HeaderFacts, TruncatedDataError
from faceswap_core.codecs.tiff_directory import exif_orientation

_ANIMATION, _ALPHA = 0x02, 0x10  # flags of VP8X
_MOST_CHUNKS = 10_000


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of payload, length as claimed) of each chunk whose head is there."""
    at, seen = 12, 0
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        yield data[at : at + 4], at + 8, length
        at += 8 + length + (length & 1)
        seen += 1
        if seen > _MOST_CHUNKS:
            raise CorruptDataError(f"more than {_MOST_CHUNKS} WebP chunks")


def _payload(data: bytes, wanted: bytes) -> bytes | None:
    for name, at, length in _chunks(data):
        if name == wanted and at + length <= len(data):
            return data[at : at + length]
    return None


def webp_facts(data: bytes) -> HeaderFacts:
    """Facts of a WebP; the extended header's canvas counts where there is one.

    Raises:
        TruncatedDataError, CorruptDataError
    """
    try:
        name, at, _ = next(_chunks(data))
        if name == b"VP8X":
            flags = data[at]
            width = int.from_bytes(_exactly(data, at + 4, 3), "little") + 1
            height = int.from_bytes(_exactly(data, at + 7, 3), "little") + 1
            alpha, animated = bool(flags & _ALPHA), bool(flags & _ANIMATION)
        elif name == b"VP8L":
            signature, bits = struct.unpack_from("<BI", data, at)
            if signature != 0x2F:
                raise CorruptDataError("no lossless WebP signature")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            alpha, animated = bool(bits >> 28 & 1), False
        elif name == b"VP8 ":
            start_code, stored_width, stored_height = struct.unpack_from("<3sHH", data, at + 3)
            if start_code != b"\x9d\x01\x2a":
                raise CorruptDataError("no lossy WebP start code")
            width, height = stored_width & 0x3FFF, stored_height & 0x3FFF  # the upper two bits are a scale
            alpha, animated = False, False
        else:
            raise CorruptDataError("the first WebP chunk is not an image's")
    except (struct.error, IndexError, StopIteration):
        raise TruncatedDataError("the data ends inside the WebP header") from None
    exif = _payload(data, b"EXIF")
    return HeaderFacts(
        width=width,
        height=height,
        mode="RGBA" if alpha else "RGB",
        bit_depth=8,
        has_alpha=alpha,
        animated=animated,
        orientation=exif_orientation(exif) if exif else 1,
    )


def _exactly(data: bytes, at: int, count: int) -> bytes:
    if at + count > len(data):
        raise IndexError
    return data[at : at + count]


def webp_icc_profile(data: bytes) -> bytes | None:
    """The embedded ICC profile as stored, unchecked."""
    return _payload(data, b"ICCP")


def webp_bytes_missing(data: bytes) -> int:
    """How many bytes more the RIFF header promises; 0 or less when there are as many, or more."""
    (promised,) = struct.unpack_from("<I", data, 4)
    return int(promised) + 8 - len(data)


def webp_is_complete(data: bytes) -> bool:
    """Whether there are as many bytes as the RIFF header promises."""
    return webp_bytes_missing(data) <= 1  # some writers count a final padding byte they leave out
