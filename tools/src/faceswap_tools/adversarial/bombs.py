"""Decompression bombs: small files that claim or become very large images."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from faceswap_tools.adversarial.containers import png_chunk, png_of, tiff_basics, tiff_of, webp_lossless, webp_lossy
from faceswap_tools.adversarial.images import BROKEN, OK, AdversarialImage, saved


def bombs() -> Iterator[AdversarialImage]:
    """Sizes that are claimed: far above, just above and below every limit."""
    for width, height, code in (
        (100_000, 100_000, "BAD_DIMENSIONS"),
        (2**31 - 1, 2**31 - 1, "BAD_DIMENSIONS"),
        (30_001, 1, "BAD_DIMENSIONS"),
        (1, 30_001, "BAD_DIMENSIONS"),
        (30_000, 30_000, "TOO_MANY_PIXELS"),
        (2000, 1001, "TOO_MANY_PIXELS"),
        (0, 100, "BAD_DIMENSIONS"),
        (100, 0, "BAD_DIMENSIONS"),
        (0, 0, "BAD_DIMENSIONS"),
    ):
        pixels = png_chunk(b"IDAT", zlib.compress(bytes(600_000), 9)) + png_chunk(b"IEND", b"")
        yield AdversarialImage(f"png {width}x{height}", png_of(width, height, pixels), (code,))
        entries = [*tiff_basics(width, height), (273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, 100)]
        yield AdversarialImage(f"tiff {width}x{height}", tiff_of(entries, tail=bytes(1000)), (code,))
        bmp = b"BM" + struct.pack("<IIIIiiHHIIiiII", 1000, 0, 54, 40, width, height, 1, 24, 0, 0, 1, 1, 0, 0)
        yield AdversarialImage(f"bmp {width}x{height}", bmp + bytes(900), (code,))
        if width <= 65535:
            frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x22\0\2\x11\1\3\x11\1"
            jpeg = b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
            scan = b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0" + bytes(900)
            yield AdversarialImage(f"jpeg {width}x{height}", jpeg + scan, (code,))
            screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
            gif = screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08\x02\0\0\0;"
            yield AdversarialImage(f"gif {width}x{height}", gif, (code,))
        if width and height:
            canvas = (min(width, 2**24) - 1).to_bytes(3, "little") + (min(height, 2**24) - 1).to_bytes(3, "little")
            chunks = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + canvas
            webp = b"RIFF" + struct.pack("<I", 1000) + chunks
            yield AdversarialImage(f"webp {width}x{height}", webp + bytes(972), (code,))
    yield AdversarialImage("webp lossless 16384x16384", webp_lossless(16384, 16384), ("TOO_MANY_PIXELS",))
    yield AdversarialImage("webp lossy 0x0", webp_lossy(0, 0), ("BAD_DIMENSIONS",))
    small_screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    frame = b"!\xf9\4\x08\0\0\0\0," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x08\x02\0\0\0;"
    yield AdversarialImage("gif frame larger than its canvas", small_screen + frame, ("BAD_DIMENSIONS",))
    flat = saved(Image.new("RGB", (1400, 1400)), "PNG", compress_level=9)
    yield AdversarialImage("png that inflates 1000 times, within limits", flat, OK)
    entries = [*tiff_basics(64, 64), (322, 4, 1, 100_000), (323, 4, 1, 100_000), (324, 4, 1, 8), (325, 4, 1, 100)]
    yield AdversarialImage("tiff tile larger than the image", tiff_of(entries, tail=bytes(1000)), BROKEN)
    bmp = b"BM" + struct.pack("<IIIIiiHHIIiiII", 1000, 0, 54, 40, 64, -(2**31), 1, 24, 0, 0, 1, 1, 0, 0)
    yield AdversarialImage("bmp of lowest height", bmp + bytes(900), ("BAD_DIMENSIONS",))
