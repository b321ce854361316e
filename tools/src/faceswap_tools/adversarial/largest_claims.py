"""Extreme declared sizes: each format's largest in about 1 kB, inflating pixels, and sizes exactly at each limit.

100 000 x 100 000 is what PNG, TIFF, BMP and extended WebP can express. GIF and JPEG end at 65535, WebP's bitstreams at
16384 (lossless) and 16383 (lossy), a frame of an animated WebP at 2^24.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from faceswap_tools.adversarial.containers import big_tiff_of, png_chunk, png_of, tiff_basics, tiff_of, webp_of
from faceswap_tools.adversarial.images import BROKEN, DAMAGED, LIMIT_BYTES, OK, AdversarialImage, good_images, saved

TOO_LONG = ("BAD_DIMENSIONS",)
TOO_MANY = ("TOO_MANY_PIXELS",)
SIDE = 100_000
CLAIM_BYTES = 1200
"""No more than this for a file that claims the most."""


def largest_claims() -> Iterator[AdversarialImage]:
    """At most `CLAIM_BYTES` each."""
    end = png_chunk(b"IEND", b"")
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(500_000), 9)) + end
    for depth, colour in ((1, 0), (16, 6), (1, 3), (8, 4)):
        data = png_of(SIDE, SIDE, pixels, depth=depth, colour=colour)
        yield AdversarialImage(f"png claim of depth {depth}, colour type {colour}", data, TOO_LONG)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 1)
    interlaced = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels
    yield AdversarialImage("png claim, interlaced", interlaced, TOO_LONG)
    beyond = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2**32 - 1, 2**32 - 1, 8, 2, 0, 0, 0))
    yield AdversarialImage("png claim above what PNG allows", beyond + pixels, TOO_LONG)
    first = png_chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    yield AdversarialImage("apng claim of 2^31 frames", png_of(SIDE, SIDE, first, pixels), TOO_LONG)
    yield from _tiff_claims()
    yield from _small_format_claims()
    rle = b"BM" + struct.pack("<IIIIiiHHIIiiII", 1000, 0, 1078, 40, SIDE, SIDE, 1, 8, 1, 0, 1, 1, 256, 0)
    yield AdversarialImage("bmp claim, run lengths", rle + bytes(900), TOO_LONG)
    upside_down = b"BM" + struct.pack("<IIIIiiHHIIiiII", 1000, 0, 54, 40, SIDE, -SIDE, 1, 24, 0, 0, 1, 1, 0, 0)
    yield AdversarialImage("bmp claim, top row first", upside_down + bytes(900), TOO_LONG)
    old = b"BM" + struct.pack("<IIIIHHHH", 1000, 0, 26, 12, 65535, 65535, 1, 24)
    yield AdversarialImage("bmp claim of OS/2", old + bytes(900), TOO_LONG)


def _tiff_claims() -> Iterator[AdversarialImage]:
    for name, compression in (("LZW", 5), ("deflate", 8), ("pack bits", 32773), ("group 4", 4), ("jpeg", 7)):
        entries = tiff_basics(SIDE, SIDE)
        entries[3] = (259, 3, 1, compression)
        entries += [(273, 4, 1, 8), (278, 4, 1, SIDE), (279, 4, 1, 900)]
        yield AdversarialImage(f"tiff claim, {name}", tiff_of(entries, tail=bytes(1000)), TOO_LONG)
    tiles = [*tiff_basics(SIDE, SIDE), (322, 4, 1, SIDE), (323, 4, 1, SIDE), (324, 4, 1, 8), (325, 4, 1, 900)]
    yield AdversarialImage("tiff claim in one tile", tiff_of(tiles, tail=bytes(1000)), TOO_LONG)
    big = [*tiff_basics(SIDE, SIDE), (273, 4, 1, 8), (278, 4, 1, SIDE), (279, 4, 1, 900)]
    yield AdversarialImage("big tiff claim", big_tiff_of(big, tail=bytes(900)), TOO_LONG)
    most = [(256, 16, 1, 2**63), (257, 16, 1, 2**63), *tiff_basics(8, 8)[2:], (273, 4, 1, 8), (279, 4, 1, 64)]
    yield AdversarialImage("big tiff claim of 2^63", big_tiff_of(most, tail=bytes(900)), TOO_LONG)
    swapped = b"MM\0*" + struct.pack(">IH", 8, 2) + struct.pack(">HHII", 256, 4, 1, SIDE)
    swapped += struct.pack(">HHII", 257, 4, 1, SIDE) + bytes(1000)
    yield AdversarialImage("tiff claim, highest byte first", swapped, TOO_LONG)


def _small_format_claims() -> Iterator[AdversarialImage]:
    screen = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0xF7, 0, 0) + bytes(768)
    image = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x08\x02\0\0\0;"
    yield AdversarialImage("gif claim with a palette", screen + image, TOO_LONG)
    yield AdversarialImage(
        "gif claim, interlaced", screen + image.replace(b"\xff\xff\0\x08", b"\xff\xff\x40\x08"), TOO_LONG
    )
    corner = b"," + struct.pack("<HHHHB", 65535, 65535, 1, 1, 0) + b"\x08\x02\0\0\0;"
    yield AdversarialImage("gif claim by a frame in the corner", b"GIF89a\1\0\1\0\0\0\0" + corner, TOO_LONG)
    for name, marker in (("baseline", 0xC0), ("progressive", 0xC2)):
        frame = struct.pack(">BHHB", 8, 65535, 65535, 3) + b"\1\x22\0\2\x11\1\3\x11\1"
        jpeg = b"\xff\xd8\xff" + bytes((marker,)) + struct.pack(">H", len(frame) + 2) + frame
        scan = b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0" + bytes(900)
        yield AdversarialImage(f"jpeg claim, {name}", jpeg + scan, TOO_LONG)
    lossy = b"\x30\1\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383) + bytes(900)
    yield AdversarialImage("webp claim, lossy", webp_of((b"VP8 ", lossy)), TOO_MANY)
    lossless = b"\x2f" + struct.pack("<I", 16383 | 16383 << 14 | 1 << 28) + bytes(900)
    yield AdversarialImage("webp claim, lossless with alpha", webp_of((b"VP8L", lossless)), TOO_MANY)
    canvas = (SIDE - 1).to_bytes(3, "little") * 2
    moving = (b"ANMF", bytes(6) + canvas + bytes(4) + b"VP8L" + struct.pack("<I", len(lossless)) + lossless)
    animated = webp_of((b"VP8X", b"\x02\0\0\0" + canvas), (b"ANIM", bytes(6)), moving)
    yield AdversarialImage("webp claim, animated", animated, TOO_LONG)
    icc = webp_of((b"VP8X", b"\x20\0\0\0" + canvas), (b"ICCP", bytes(600)), (b"VP8L", lossless[:100]))
    yield AdversarialImage("webp claim with a profile before the pixels", icc, TOO_LONG)
    # the canvas is small and the image inside it is not
    inside = webp_of((b"VP8X", bytes(4) + bytes(6)), (b"VP8L", lossless))
    yield AdversarialImage("webp larger than its canvas", inside, BROKEN)


def inflating_pixels() -> Iterator[AdversarialImage]:
    """Sizes are within every limit; the data behind them is much more than the pixels need, or nearly nothing."""
    end = png_chunk(b"IEND", b"")
    deflated = zlib.compress(bytes(300_000_000), 9)
    yield AdversarialImage(
        "png of 64x64 with 300 MB of pixels", png_of(64, 64, png_chunk(b"IDAT", deflated), end), DAMAGED
    )
    flat = Image.new("L", (1400, 1400), 90)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield AdversarialImage(f"flat tiff of {compression}", saved(flat, "TIFF", compression=compression), OK)
    bits = Image.new("1", (1400, 1400))
    yield AdversarialImage("flat tiff of group4", saved(bits, "TIFF", compression="group4"), OK)
    yield AdversarialImage("flat gif", saved(flat, "GIF"), OK)
    yield AdversarialImage("flat lossless webp", saved(flat.convert("RGB"), "WEBP", lossless=True), OK)
    yield AdversarialImage("flat progressive jpeg", saved(flat, "JPEG", progressive=True, quality=1), OK)
    for name, stored in (("one strip", zlib.compress(bytes(200_000_000), 9)), ("a strip of nothing", b"")):
        entries = tiff_basics(64, 64)
        entries[3] = (259, 3, 1, 8)
        at = 8 + 2 + 12 * 8 + 4
        entries += [(273, 4, 1, at), (278, 4, 1, 64), (279, 4, 1, len(stored))]
        yield AdversarialImage(f"tiff of 64x64 with 200 MB in {name}", tiff_of(entries, tail=stored), DAMAGED)


def sizes_at_the_limits() -> Iterator[AdversarialImage]:
    """What is still allowed must be read, the next larger must not."""
    allowed = saved(Image.new("RGB", (2000, 1000), (9, 90, 9)), "JPEG")
    yield AdversarialImage("as many pixels as are allowed", allowed, OK)
    yield AdversarialImage("one row more", saved(Image.new("RGB", (2000, 1001)), "JPEG"), TOO_MANY)
    yield AdversarialImage("as long as is allowed", saved(Image.new("RGB", (30_000, 2)), "PNG"), OK)
    yield AdversarialImage("as high as is allowed", saved(Image.new("RGB", (1, 30_000)), "PNG"), OK)
    yield AdversarialImage("one column more", saved(Image.new("RGB", (30_001, 2)), "PNG"), TOO_LONG)
    yield AdversarialImage("turned by EXIF, one pixel too long", _turned(30_001, 2), TOO_LONG)
    png = good_images()["png"]
    room = LIMIT_BYTES - len(png) - 12
    grain = np.random.default_rng(13).bytes(room)
    full = png[:33] + png_chunk(b"prVt", grain) + png[33:]
    yield AdversarialImage("as many bytes as are allowed", full, OK)
    over = png[:33] + png_chunk(b"prVt", grain + b"x") + png[33:]
    yield AdversarialImage("one byte more", over, ("TOO_MANY_BYTES",))
    for kind in ("jpeg", "webp", "tiff", "bmp", "gif"):
        long = good_images()[kind] + bytes(LIMIT_BYTES)
        yield AdversarialImage(f"too many bytes of {kind}", long, ("TOO_MANY_BYTES",))


def _turned(width: int, height: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.new("RGB", (width, height)), "PNG", exif=exif)
