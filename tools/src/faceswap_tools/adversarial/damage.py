"""Corrupted images: broken structure and flipped bits."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from faceswap_tools.adversarial.containers import png_chunk, png_of, tiff_basics, tiff_of, webp_lossless, webp_lossy
from faceswap_tools.adversarial.images import BROKEN, CUT, DAMAGED, FINE, AdversarialImage, good_images


def broken_structures() -> Iterator[AdversarialImage]:
    """Parts that are missing, doubled or contradict each other."""
    good = good_images()
    png = good["png"]
    for name in (b"IHDR", b"IDAT", b"IEND"):
        at = png.index(name)
        (length,) = struct.unpack_from(">I", png, at - 4)
        end = at + 4 + length
        broken = png[:end] + bytes((png[end] ^ 1,)) + png[end + 1 :]
        yield AdversarialImage(f"png with a wrong checksum of {name.decode()}", broken, BROKEN)
    text = png_chunk(b"tEXt", b"a\0b")
    yield AdversarialImage("png with a wrong checksum of tEXt", png[:33] + text[:-1] + b"\0" + png[33:], BROKEN)
    yield AdversarialImage("png without pixels", png_of(64, 64, png_chunk(b"IEND", b"")), BROKEN)
    short = png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")
    yield AdversarialImage("png with too few pixels", png_of(64, 64, short), (*BROKEN, *CUT))
    garbage = png_chunk(b"IDAT", b"this is not deflate" * 20) + png_chunk(b"IEND", b"")
    yield AdversarialImage("png with pixels that are not deflate", png_of(64, 64, garbage), BROKEN)
    for depth, colour in ((3, 2), (8, 1), (16, 3), (8, 7), (0, 0)):
        data = png_of(8, 8, short, depth=depth, colour=colour)
        yield AdversarialImage(f"png of depth {depth}, colour type {colour}", data, BROKEN)
    index = png_chunk(b"IDAT", zlib.compress((b"\0" + b"\xff" * 8) * 8)) + png_chunk(b"IEND", b"")
    no_palette = png_of(8, 8, index, colour=3)
    yield AdversarialImage("png palette image without a palette", no_palette, (*BROKEN, FINE))
    jpeg = good["jpeg"]
    yield AdversarialImage("jpeg of markers only", b"\xff\xd8\xff\xd9", BROKEN)
    yield AdversarialImage("jpeg scan without frame", b"\xff\xd8" + jpeg[jpeg.index(b"\xff\xda") :], BROKEN)
    at = jpeg.index(b"\xff\xc0")
    yield AdversarialImage("jpeg with two frames", jpeg[:at] + jpeg[at : at + 19] + jpeg[at:], BROKEN)
    yield AdversarialImage(
        "jpeg without tables", jpeg[:20] + jpeg[at : at + 19] + jpeg[jpeg.index(b"\xff\xda") :], BROKEN
    )
    yield AdversarialImage("jpeg with a segment of length 0", b"\xff\xd8\xff\xe1\0\0" + jpeg[2:], BROKEN)
    yield AdversarialImage("jpeg with sampling factor 0", jpeg[: at + 11] + b"\0" + jpeg[at + 12 :], BROKEN)
    yield AdversarialImage("tiff without a size", tiff_of([(258, 3, 1, 8)]), BROKEN)
    yield AdversarialImage("tiff without strips", tiff_of(tiff_basics(64, 64)), BROKEN)
    far = [*tiff_basics(64, 64), (273, 4, 1, 10_000_000), (278, 4, 1, 64), (279, 4, 1, 4096)]
    yield AdversarialImage("tiff whose strip lies outside", tiff_of(far), CUT)
    zero_rows = [*tiff_basics(64, 64), (273, 4, 1, 8), (278, 4, 1, 0), (279, 4, 1, 64)]
    yield AdversarialImage("tiff with strips of no rows", tiff_of(zero_rows, tail=bytes(5000)), DAMAGED)
    odd = [*tiff_basics(64, 64), (273, 4, 1, 8), (279, 4, 1, 64)]
    odd[3] = (259, 3, 1, 34712)
    yield AdversarialImage(
        "tiff with an unknown compression", tiff_of(odd, tail=bytes(100)), ("UNSUPPORTED_FORMAT", *BROKEN)
    )
    yield AdversarialImage("bmp of 5 bits a pixel", good["bmp"][:28] + b"\5\0" + good["bmp"][30:], BROKEN)
    yield AdversarialImage("gif without frames", b"GIF89a\1\0\1\0\0\0\0;", BROKEN)
    yield AdversarialImage("gif with an unknown block", b"GIF89a\1\0\1\0\0\0\0\x99\0\0", BROKEN)
    yield AdversarialImage("webp with a wrong start code", webp_lossy(8, 8).replace(b"\x9d\x01\x2a", b"abc"), BROKEN)
    yield AdversarialImage("webp of zeros", webp_lossy(64, 64), BROKEN)
    yield AdversarialImage("webp lossless of zeros", webp_lossless(64, 64), DAMAGED)


def bit_flips() -> Iterator[AdversarialImage]:
    """One bit of each good image turned, in the half where the pixels are."""
    rng = np.random.default_rng(11)
    for kind, data in good_images().items():
        for turn in range(8):
            damaged = bytearray(data)
            at = int(rng.integers(len(data) // 2, len(data)))
            damaged[at] ^= 1 << int(rng.integers(8))
            allowed = (*DAMAGED, "ANIMATED_IMAGE") if kind.startswith(("tiff", "gif")) else DAMAGED
            yield AdversarialImage(f"{kind} bit flip {turn} at {at}", bytes(damaged), allowed)
