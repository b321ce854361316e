"""Writes XMP into WebP: the `XMP ` chunk, and the `VP8X` header that announces it (RFC 9649, section 2.7)."""

from __future__ import annotations

from collections.abc import Iterator

from faceswap_core.codecs.header_facts import CorruptDataError, TruncatedDataError
from faceswap_core.codecs.webp_chunks import webp_facts

_XMP_FLAG = 0x04
_ALPHA_FLAG = 0x10


def is_webp(encoded: bytes) -> bool:
    """Whether the bytes begin as a WebP file does."""
    return encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP"


def webp_with_xmp(webp: bytes, packet: bytes) -> bytes:
    """A copy of `webp` with that XMP packet and no other; a simple file gets the extended header it needs.

    Raises:
        TruncatedDataError, CorruptDataError: the image's header or its chunks cannot be read.
    """
    chunks = [(name, data) for name, data in iter_chunks(webp) if name.rstrip(b" \0") != b"XMP"]
    if chunks and chunks[0][0] == b"VP8X":
        old = bytes(chunks.pop(0)[1])
        header = bytes((old[0] | _XMP_FLAG,)) + old[1:]
    else:
        header = _extended_header(webp)
    pieces: list[bytes | memoryview] = [b"WEBP"]
    for name, data in (b"VP8X", memoryview(header)), *chunks, (b"XMP ", memoryview(packet)):
        pieces += (name, len(data).to_bytes(4, "little"), data, b"\0" * (len(data) & 1))
    return b"".join((b"RIFF", sum(map(len, pieces)).to_bytes(4, "little"), *pieces))


def iter_chunks(webp: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yields (name, data) of every chunk in file order, without padding; the data are not copied.

    Raises:
        CorruptDataError: not a WebP file.
        TruncatedDataError: a chunk is longer than the file.
    """
    if not is_webp(webp):
        raise CorruptDataError("a WebP file begins with RIFF and WEBP")
    view = memoryview(webp)
    file_end = min(8 + int.from_bytes(webp[4:8], "little"), len(webp))
    position = 12
    while position + 8 <= file_end:
        start = position + 8
        end = start + int.from_bytes(webp[position + 4 : start], "little")
        if end > len(webp):
            raise TruncatedDataError(f"the WebP chunk at byte {position} does not fit the file")
        yield webp[position : position + 4], view[start:end]
        position = end + (end & 1)  # chunks begin at even offsets


def _extended_header(webp: bytes) -> bytes:
    """VP8X data for a file that has none: flags, three reserved bytes, width - 1, height - 1 in 24 bits each."""
    facts = webp_facts(webp)
    if not facts.width or not facts.height:
        raise CorruptDataError("the WebP image has no area")
    flags = _XMP_FLAG | (_ALPHA_FLAG if facts.has_alpha else 0)
    size = (facts.width - 1).to_bytes(3, "little") + (facts.height - 1).to_bytes(3, "little")
    return bytes((flags, 0, 0, 0)) + size
