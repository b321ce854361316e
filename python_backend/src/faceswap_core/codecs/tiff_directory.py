"""TIFF's image file directory: header facts, EXIF orientation, and a copy that holds only what pixels need.

Layout and tag numbers are those of TIFF 6.0 (Adobe, 1992), BigTIFF of libtiff's specification; EXIF blocks
are TIFF files without pixels (EXIF 2.32, section 4.5).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_core.codecs.header_facts import CorruptDataError, HeaderFacts, TruncatedDataError, UnsupportedVariantError

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLES = 256, 257, 258, 262, 274, 277
_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 273, 279, 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT, _ICC_PROFILE = 338, 339, 34675
# compression, fill order, rows per strip, planar layout, fax options, predictor, colour map, ink set,
# JPEG tables, chroma subsampling and positioning, reference black and white
_OTHER_PIXEL_TAGS = (259, 266, 278, 284, 292, 293, 317, 320, 332, 347, 530, 531, 532)
_PIXEL_TAGS = {_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _EXTRA_SAMPLES, _SAMPLE_FORMAT}
_PIXEL_TAGS |= {_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS}
_PIXEL_TAGS.update(_OTHER_PIXEL_TAGS)
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGER_TYPES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_MODES = {0: "L", 1: "L", 2: "RGB", 3: "P", 5: "CMYK", 6: "YCbCr"}  # by photometric interpretation
_MOST_ENTRIES = 4096
_LARGEST_TILE = 1024
"""Sides of a tile may exceed a small image; above this they may not exceed the image (rounded up to 16)."""


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    value_at: int
    raw: bytes

    @property
    def size(self) -> int:
        return _VALUE_BYTES.get(self.kind, 1) * self.count


@dataclass(frozen=True, slots=True)
class Directory:
    """The first directory of a TIFF; of a tag that occurs twice the first counts, as in libtiff."""

    order: str
    big: bool
    position: int
    next_position: int
    entries: dict[int, _Entry]

    def integers(self, data: bytes, tag: int, most: int | None = None) -> NDArray[np.unsignedinteger[Any]]:
        """A tag's whole numbers, at most `most`; none when it is absent, of another type, or beyond the data."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _INTEGER_TYPES or entry.value_at + entry.size > len(data):
            return np.zeros(0, np.uint32)
        count = entry.count if most is None else min(entry.count, most)
        return np.frombuffer(data, self.order + _INTEGER_TYPES[entry.kind], count, entry.value_at)

    def integer(self, data: bytes, tag: int, default: int) -> int:
        """A tag's first whole number."""
        found = self.integers(data, tag, most=1)
        return int(found[0]) if len(found) else default


def read_directory(data: bytes) -> Directory:
    """Reads the first directory's entries, not their values.

    Raises:
        TruncatedDataError, CorruptDataError
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise CorruptDataError("no byte order at the start of the TIFF data")
    try:
        (version,) = struct.unpack_from(order + "H", data, 2)
        big = version == 43
        (position,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, position)
        entry_bytes, head = (20, 8) if big else (12, 2)
        entries_at = position + head
        if count > _MOST_ENTRIES:
            raise CorruptDataError(f"the directory claims {count} entries")
        (next_position,) = struct.unpack_from(order + ("Q" if big else "I"), data, entries_at + count * entry_bytes)
    except (struct.error, OverflowError):
        raise TruncatedDataError("the data ends inside the TIFF directory") from None
    entries: dict[int, _Entry] = {}
    for at in range(entries_at, entries_at + count * entry_bytes, entry_bytes):
        tag, kind, values = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
        inline, inline_at = (8, at + 12) if big else (4, at + 8)
        size = _VALUE_BYTES.get(kind, 1) * values
        value_at = inline_at
        if size > inline:
            (value_at,) = struct.unpack_from(order + ("Q" if big else "I"), data, inline_at)
        entries.setdefault(tag, _Entry(kind, values, value_at, data[at : at + entry_bytes]))
    return Directory(order, big, position, next_position, entries)


def exif_orientation(exif: bytes) -> int:
    """EXIF orientation 1 to 8 of an EXIF block, with or without its `Exif` prefix; 1 if absent or unreadable."""
    block = exif.removeprefix(b"Exif\0\0")
    try:
        return _orientation(block, read_directory(block))
    except (TruncatedDataError, CorruptDataError):
        return 1


def _orientation(data: bytes, directory: Directory) -> int:
    value = directory.integer(data, _ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def tiff_facts(data: bytes) -> HeaderFacts:
    """Facts of a TIFF's first page.

    Raises:
        TruncatedDataError, CorruptDataError
        UnsupportedVariantError: samples that are not unsigned whole numbers of 1, 2, 4, 8 or 16 bits, or a colour
            layout other than grey, RGB, palette, CMYK and YCbCr.
    """
    directory = read_directory(data)
    if _WIDTH not in directory.entries or _HEIGHT not in directory.entries:
        raise CorruptDataError("the TIFF directory has no image size")
    width, height = directory.integer(data, _WIDTH, 0), directory.integer(data, _HEIGHT, 0)
    bits = directory.integer(data, _BITS, 1)
    if directory.integer(data, _SAMPLE_FORMAT, 1) not in (1, 4) or bits not in (1, 2, 4, 8, 16):
        raise UnsupportedVariantError(f"TIFF with {bits}-bit, signed or floating-point samples")
    photometric = directory.integer(data, _PHOTOMETRIC, 1)
    if photometric not in _MODES:
        raise UnsupportedVariantError(f"TIFF with photometric interpretation {photometric}")
    tile = (directory.integer(data, _TILE_WIDTH, 1), directory.integer(data, _TILE_HEIGHT, 1))
    for tile_side, side in zip(tile, (width, height), strict=True):
        if tile_side > max(side, _LARGEST_TILE) + 15:
            raise CorruptDataError(f"a TIFF tile of {tile[0]} x {tile[1]} in an image of {width} x {height}")
    alpha = any(kind in (1, 2) for kind in directory.integers(data, _EXTRA_SAMPLES, most=8))
    mode = _MODES[photometric]
    return HeaderFacts(
        width=width,
        height=height,
        mode="1" if mode == "L" and bits == 1 else mode + ("A" if alpha and mode in ("L", "RGB") else ""),
        bit_depth=bits,
        has_alpha=alpha,
        animated=directory.next_position != 0,
        orientation=_orientation(data, directory),
    )


def tiff_white_is_zero(data: bytes) -> bool:
    """Whether grey is stored as ink. Pillow 12.3 inverts this at 8 bits, but not at 16."""
    return read_directory(data).integer(data, _PHOTOMETRIC, 1) == 0


def tiff_icc_profile(data: bytes) -> bytes | None:
    """The embedded ICC profile as stored, unchecked."""
    directory = read_directory(data)
    entry = directory.entries.get(_ICC_PROFILE)
    if entry is None or entry.value_at + entry.size > len(data):
        return None
    return data[entry.value_at : entry.value_at + entry.size]


def tiff_values_end(data: bytes) -> int:
    """Byte at which the last value of the tags that pixels need ends; beyond the end of data that was cut."""
    entries = read_directory(data).entries
    return max((entry.value_at + entry.size for tag, entry in entries.items() if tag in _PIXEL_TAGS), default=0)


def tiff_for_pixels(data: bytes) -> bytes:
    """A copy of a TIFF whose only directory holds only the tags that pixels need, each once.

    What Pillow reads is then what was checked: no second page, no tag twice, no EXIF, no orientation (Pillow would
    apply it itself), no values that overlap until a small file fills the memory.

    Raises:
        TruncatedDataError: a strip or tile lies beyond the end of the data.
        CorruptDataError: the tags' values do not fit into the data.
    """
    directory = read_directory(data)
    kept = {tag: entry for tag, entry in sorted(directory.entries.items()) if tag in _PIXEL_TAGS}
    if not {_STRIP_OFFSETS, _TILE_OFFSETS} & kept.keys():
        raise CorruptDataError("the TIFF directory names no pixels")
    promised = sum(entry.size for entry in kept.values())
    if promised > len(data):
        raise CorruptDataError(f"the TIFF directory promises {promised} bytes of values in a file of {len(data)} bytes")
    for offsets_tag, counts_tag in ((_STRIP_OFFSETS, _STRIP_COUNTS), (_TILE_OFFSETS, _TILE_COUNTS)):
        offsets, counts = directory.integers(data, offsets_tag), directory.integers(data, counts_tag)
        pieces = min(len(offsets), len(counts))
        end = int((offsets[:pieces].astype(np.uint64) + counts[:pieces]).max(initial=0))
        if end > len(data):
            raise TruncatedDataError(f"pixels are promised up to byte {end}, there are {len(data)} bytes")
    head = struct.pack(directory.order + ("Q" if directory.big else "H"), len(kept))
    body = b"".join(entry.raw for entry in kept.values()) + bytes(8 if directory.big else 4)
    at = directory.position
    return b"".join((data[:at], head, body, memoryview(data)[at + len(head) + len(body) :]))
