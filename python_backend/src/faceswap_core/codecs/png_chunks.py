"""PNG's chunks: header facts, ICC, resolution, a copy without text, and inserting chunks.

Chunk layout and colour types: PNG specification, third edition (W3C, 2025), sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from faceswap_core.codecs.header_facts import CorruptDataError, HeaderFacts, TruncatedDataError
from faceswap_core.codecs.tiff_directory import exif_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_FOR_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
# Pillow inflates text and refuses the image when that is over 1 MB, libpng inflates up to 8 MB a chunk;
# an animation's chunks make readers look for frames
_LEFT_OUT = frozenset((b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"acTL", b"fcTL", b"fdAT"))
_MOST_CHUNKS = 50_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its name, where its payload starts, and the payload's length."""

    name: bytes
    at: int
    length: int


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks that are complete, and whether they reach the end chunk."""

    found: tuple[Chunk, ...]
    complete: bool

    def first(self, name: bytes) -> Chunk | None:
        """The first chunk of that name."""
        return next((chunk for chunk in self.found if chunk.name == name), None)


def read_chunks(data: bytes) -> Chunks:
    """Lists the chunks up to the end chunk or the end of the data; payloads are not read.

    Raises:
        CorruptDataError: far more chunks than any writer makes.
    """
    found: list[Chunk] = []
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            break
        chunk = Chunk(data[at + 4 : at + 8], at + 8, length)
        found.append(chunk)
        if chunk.name == b"IEND":
            return Chunks(tuple(found), True)
        if len(found) > _MOST_CHUNKS:
            raise CorruptDataError(f"more than {_MOST_CHUNKS} PNG chunks")
        at += 12 + length
    return Chunks(tuple(found), False)


def png_facts(data: bytes) -> HeaderFacts:
    """Facts of a PNG.

    Raises:
        TruncatedDataError: the first chunk is not wholly there.
        CorruptDataError: the first chunk is not a valid header, or there are far too many chunks.
    """
    if len(data) < 33:
        raise TruncatedDataError("the data ends inside the PNG header")
    length, name, width, height, depth, colour = struct.unpack_from(">I4sIIBB", data, 8)
    if name != b"IHDR" or length != 13 or depth not in _DEPTHS.get(colour, ()) or not _checksum_holds(data, 16, 13):
        raise CorruptDataError("the PNG header is damaged")
    chunks = read_chunks(data)
    exif, animation = chunks.first(b"eXIf"), chunks.first(b"acTL")
    frames = int.from_bytes(data[animation.at : animation.at + 4], "big") if animation else 1
    return HeaderFacts(
        width=width,
        height=height,
        mode="1" if colour == 0 and depth == 1 else _MODES[colour],
        bit_depth=depth,
        has_alpha=colour in (4, 6) or chunks.first(b"tRNS") is not None,
        animated=frames > 1,
        orientation=exif_orientation(data[exif.at : exif.at + exif.length]) if exif else 1,
    )


def _checksum_holds(data: bytes, at: int, length: int) -> bool:
    view = memoryview(data)
    return zlib.crc32(view[at - 4 : at + length]) == int.from_bytes(view[at + length : at + length + 4], "big")


def png_for_pixels(data: bytes) -> bytes:
    """The PNG, or a copy of its pixel chunks alone where it has text, a profile or an animation.

    Raises:
        TruncatedDataError: the end chunk is missing.
        CorruptDataError: a checksum outside the pixel data is wrong (decoders check those of the pixel data).
    """
    chunks = read_chunks(data)
    if not chunks.complete:
        raise TruncatedDataError(f"the {len(data)} bytes end before the PNG's end chunk")
    for chunk in chunks.found:
        if chunk.name != b"IDAT" and not _checksum_holds(data, chunk.at, chunk.length):
            raise CorruptDataError(f"the checksum of PNG chunk {chunk.name!r} is wrong")
    if not any(chunk.name in _LEFT_OUT for chunk in chunks.found):
        return data
    view = memoryview(data)
    kept = (view[chunk.at - 8 : chunk.at + chunk.length + 4] for chunk in chunks.found if chunk.name in _FOR_PIXELS)
    return b"".join((SIGNATURE, *kept))


def png_icc_profile(data: bytes, limit: int) -> bytes | None:
    """The embedded ICC profile, inflated; None when absent, damaged or longer than `limit` bytes."""
    chunk = read_chunks(data).first(b"iCCP")
    if chunk is None:
        return None
    name, _, rest = data[chunk.at : chunk.at + chunk.length].partition(b"\0")
    if not name or rest[:1] != b"\0":
        return None
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(rest[1:], limit + 1)
    except zlib.error:
        return None
    return profile if inflater.eof and len(profile) <= limit else None


def png_density(data: bytes) -> tuple[int, int] | None:
    """Pixels per metre (x, y), where the file gives them."""
    chunk = read_chunks(data).first(b"pHYs")
    if chunk is None or chunk.length != 9 or data[chunk.at + 8] != 1:
        return None
    x, y = struct.unpack_from(">II", data, chunk.at)
    return (x, y) if x and y else None


def insert_chunks(png: bytes, chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Puts (name, payload) chunks right behind the header chunk of a PNG that OpenCV wrote."""
    behind_header = len(SIGNATURE) + 25
    parts: list[bytes | memoryview] = [memoryview(png)[:behind_header]]
    for name, payload in chunks:
        parts += [struct.pack(">I", len(payload)), name, payload, struct.pack(">I", zlib.crc32(name + payload))]
    return b"".join((*parts, memoryview(png)[behind_header:]))


def icc_chunk(profile: bytes) -> tuple[bytes, bytes]:
    """The iCCP chunk of an ICC profile."""
    return b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)


def density_chunk(pixels_per_metre: tuple[int, int]) -> tuple[bytes, bytes]:
    """The pHYs chunk of a resolution."""
    return b"pHYs", struct.pack(">IIB", *pixels_per_metre, 1)
