"""Malformed containers, assembled by hand: what no encoder would write."""

from __future__ import annotations

import struct
import zlib


def png_chunk(name: bytes, payload: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def png_of(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG header and what follows it."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(chunks)


def tiff_of(entries: list[tuple[int, int, int, int]], *, following: int = 0, tail: bytes = b"") -> bytes:
    """A little-endian TIFF with one directory of (tag, type, count, value or offset) at byte 8, then `tail`."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", following) + tail


def tiff_basics(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Directory entries of 8-bit grey pixels without compression; where they lie is missing."""
    return [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]


def webp_lossless(width: int, height: int) -> bytes:
    """A lossless WebP of up to 16384 x 16384 whose pixels are 500 zeros."""
    payload = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(500)
    body = b"WEBPVP8L" + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_lossy(width: int, height: int) -> bytes:
    """A lossy WebP of up to 16383 x 16383 whose pixels are 500 zeros."""
    payload = b"\x30\1\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(500)
    body = b"WEBPVP8 " + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of (name, payload) chunks, padded to even length."""
    body = b"".join(
        name + struct.pack("<I", len(payload)) + payload + bytes(len(payload) & 1) for name, payload in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def big_tiff_of(entries: list[tuple[int, int, int, int]], *, tail: bytes = b"") -> bytes:
    """As `tiff_of` with 64-bit counts and offsets; the directory begins at byte 16."""
    body = b"".join(struct.pack("<HHQQ", *entry) for entry in entries)
    return b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, len(entries)) + body + bytes(8) + tail


def jpeg_segment(marker: int, payload: bytes) -> bytes:
    """One JPEG segment, for behind the first two bytes of a JPEG."""
    return b"\xff" + bytes((marker,)) + struct.pack(">H", len(payload) + 2) + payload
