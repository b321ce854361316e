"""JPEG's marker segments: header facts, ICC, resolution, scans, and inserting segments without re-encoding.

Markers: ITU-T T.81 annex B; JFIF: T.871; ICC in APP2: ICC.1:2022 annex B.4; EXIF and XMP in APP1.
An image that a phone stores with a second one behind it (MPO) is read as the JPEG its first image is.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from faceswap_core.codecs.header_facts import CorruptDataError, HeaderFacts, TruncatedDataError, UnsupportedVariantError
from faceswap_core.codecs.tiff_directory import exif_orientation

APP0, APP1, APP2 = 0xE0, 0xE1, 0xE2
MAX_PAYLOAD = 65533
"""A segment's length field has 16 bits and counts its own two."""
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DECODABLE = frozenset((0xC0, 0xC1, 0xC2, 0xC9, 0xCA))  # sequential and progressive, Huffman and arithmetic
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))
_ICC_HEAD = b"ICC_PROFILE\0"
_ICC_PIECE = MAX_PAYLOAD - len(_ICC_HEAD) - 2
_MOST_SEGMENTS = 2000  # a profile and an EXIF block with all their pieces stay below 1000
_SEQUENTIAL = frozenset((0xC0, 0xC1, 0xC9))
_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not stuffing, restart markers or fill bytes
_FILL_BYTES = re.compile(rb"\xff*")
_SUBSAMPLINGS = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411", (1, 4): "441"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its marker's second byte and where its payload lies."""

    marker: int
    start: int
    end: int


def header_segments(data: bytes) -> Iterator[Segment]:
    """The segments before the first scan, that one's own header as the last.

    Raises:
        TruncatedDataError, CorruptDataError
    """
    at = 2
    for _ in range(_MOST_SEGMENTS):
        try:
            if data[at] != 0xFF:
                at = data.index(b"\xff", at)  # libjpeg skips stray bytes too
            at = _FILL_BYTES.match(data, at).end()  # type: ignore[union-attr]  # it matches nothing, too
            marker = data[at]
            at += 1
            if marker == 0 or marker in _WITHOUT_LENGTH:
                continue
            if marker in (_SOI, _EOI):
                raise CorruptDataError("the JPEG ends before its first scan")
            (length,) = struct.unpack_from(">H", data, at)
        except (IndexError, ValueError, struct.error):
            raise TruncatedDataError("the data ends inside the JPEG header") from None
        if length < 2:
            raise CorruptDataError(f"a JPEG segment of length {length}")
        if at + length > len(data):
            raise TruncatedDataError("the data ends inside the JPEG header")
        yield Segment(marker, at + 2, at + length)
        if marker == _SOS:
            return
        at += length
    raise CorruptDataError(f"more than {_MOST_SEGMENTS} JPEG segments before the first scan")


def jpeg_facts(data: bytes) -> HeaderFacts:
    """Facts of a JPEG's first image.

    Raises:
        TruncatedDataError, CorruptDataError
        UnsupportedVariantError: lossless or hierarchical JPEG, more than 8 bits, or not 1, 3 or 4 components.
    """
    frame: HeaderFacts | None = None
    orientation = 0
    for segment in header_segments(data):
        if segment.marker in _FRAME_HEADERS:
            if frame is not None:
                raise CorruptDataError("two frame headers in one JPEG")
            frame = _frame_facts(data, segment)
        elif segment.marker == APP1 and not orientation and data.startswith(b"Exif\0\0", segment.start):
            orientation = exif_orientation(data[segment.start : segment.end])
    if frame is None:
        raise CorruptDataError("a JPEG scan without a frame header")
    return HeaderFacts(
        frame.width, frame.height, frame.mode, 8, orientation=orientation or 1, subsampling=frame.subsampling
    )


def _frame_facts(data: bytes, segment: Segment) -> HeaderFacts:
    if segment.end - segment.start < 6:
        raise CorruptDataError("the JPEG frame header is too short")
    bits, height, width, components = struct.unpack_from(">BHHB", data, segment.start)
    if segment.marker not in _DECODABLE:
        raise UnsupportedVariantError("lossless or hierarchical JPEG")
    if bits != 8:
        raise UnsupportedVariantError(f"JPEG with {bits} bits a sample")
    modes = {1: "L", 3: "RGB", 4: "CMYK"}
    if components not in modes:
        raise UnsupportedVariantError(f"JPEG with {components} components")
    factors = data[segment.start + 7 : segment.end : 3][:components]
    if len(factors) != components or not all(1 <= byte >> 4 <= 4 and 1 <= byte & 15 <= 4 for byte in factors):
        raise CorruptDataError("the JPEG's sampling factors are damaged")
    return HeaderFacts(width, height, modes[components], 8, subsampling=_subsampling(factors))


def _subsampling(factors: bytes) -> str:
    if len(factors) == 1:
        return "gray"
    if factors[1] != factors[2]:
        return "other"
    (luma_x, luma_y), (chroma_x, chroma_y) = divmod(factors[0], 16), divmod(factors[1], 16)
    if luma_x % chroma_x or luma_y % chroma_y:
        return "other"
    return _SUBSAMPLINGS.get((luma_x // chroma_x, luma_y // chroma_y), "other")


def jpeg_icc_profile(data: bytes) -> bytes | None:
    """The ICC profile from its APP2 pieces; None when there is none or a piece is missing or twice there."""
    pieces: dict[int, bytes] = {}
    claimed = 0
    for segment in header_segments(data):
        head = segment.start + len(_ICC_HEAD)
        if segment.marker == APP2 and head + 2 <= segment.end and data.startswith(_ICC_HEAD, segment.start):
            number, claimed = data[head], data[head + 1]
            if number in pieces:
                return None
            pieces[number] = data[head + 2 : segment.end]
    if not pieces or sorted(pieces) != list(range(1, claimed + 1)):
        return None
    return b"".join(pieces[number] for number in sorted(pieces))


def jpeg_density(data: bytes) -> tuple[int, int] | None:
    """Pixels per metre (x, y) of the JFIF header, where it gives a unit."""
    for segment in header_segments(data):
        if segment.marker == APP0 and data.startswith(b"JFIF\0", segment.start) and segment.end >= segment.start + 12:
            unit, x, y = struct.unpack_from(">BHH", data, segment.start + 7)
            if unit not in (1, 2) or not x or not y:
                return None
            factor = 100.0 if unit == 2 else 100 / 2.54
            return round(x * factor), round(y * factor)
    return None


def jpeg_scans(data: bytes, limit: int) -> int:
    """How many scans the first image has, counted up to `limit + 1`.

    Not counted, but known to be 1, where the first scan of a sequential JPEG has all components.
    """
    frame, first = None, None
    for segment in header_segments(data):
        frame = segment if segment.marker in _FRAME_HEADERS else frame
        first = segment
    if first is None or frame is None:
        return 0
    if frame.marker in _SEQUENTIAL and data[first.start] == data[frame.start + 5]:
        return 1
    at, scans = first.end, 1
    for _ in range(20 * limit):  # tables between scans count too, a thousand of them are no image either
        found = _NEXT_MARKER.search(data, at)
        if found is None or found.end() + 2 > len(data) or data[found.end() - 1] == _EOI:
            return scans
        scans += data[found.end() - 1] == _SOS
        if scans > limit:
            break
        (length,) = struct.unpack_from(">H", data, found.end())
        at = found.end() + max(length, 2)
    return limit + 1


def jpeg_has_end(data: bytes) -> bool:
    """Whether an end marker follows the first scan's header."""
    *_, first = header_segments(data)
    return data.find(b"\xff\xd9", first.end) >= 0


def without_icc_segments(data: bytes) -> bytes:
    """A copy without APP2 segments, for decoders that stumble over damaged profiles."""
    view, parts, at = memoryview(data), [], 0
    for segment in header_segments(data):
        if segment.marker == APP2:
            parts.append(view[at : segment.start - 4])
            at = segment.end
    return b"".join((*parts, view[at:]))


def icc_segments(profile: bytes) -> list[tuple[int, bytes]]:
    """APP2 segments of at most 64 kB that contain an ICC profile.

    Raises:
        ValueError: more than 255 pieces, which the pieces' numbering cannot hold.
    """
    pieces = [profile[at : at + _ICC_PIECE] for at in range(0, len(profile), _ICC_PIECE)]
    if len(pieces) > 255:
        raise ValueError(f"an ICC profile of {len(profile)} bytes does not fit into a JPEG")
    return [(APP2, _ICC_HEAD + bytes((i, len(pieces))) + piece) for i, piece in enumerate(pieces, 1)]


def insert_segments(jpeg: bytes, segments: Iterable[tuple[int, bytes]]) -> bytes:
    """Puts (marker, payload) segments behind the JFIF segment, which must stay first; pixels are not touched.

    Raises:
        ValueError: not a JPEG, or a payload above `MAX_PAYLOAD` bytes.
    """
    if jpeg[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG")
    behind = 2
    if jpeg[2:4] == b"\xff\xe0":
        behind = 4 + int.from_bytes(jpeg[4:6], "big")
    parts: list[bytes | memoryview] = [memoryview(jpeg)[:behind]]
    for marker, payload in segments:
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(f"a JPEG segment holds {MAX_PAYLOAD} bytes, not {len(payload)}")
        parts += [struct.pack(">BBH", 0xFF, marker, len(payload) + 2), payload]
    return b"".join((*parts, memoryview(jpeg)[behind:]))


def with_density(jpeg: bytes, pixels_per_metre: tuple[int, int]) -> bytes:
    """Writes the resolution into the JFIF header, in pixels per inch, where the numbers fit."""
    x, y = (round(value * 2.54 / 100) for value in pixels_per_metre)
    if jpeg[6:11] != b"JFIF\0" or not (0 < x < 65536 and 0 < y < 65536):
        return jpeg
    return b"".join((jpeg[:13], struct.pack(">BHH", 1, x, y), memoryview(jpeg)[18:]))
