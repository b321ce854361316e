"""Animated and multi-page files, and files that only claim to be."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from faceswap_tools.adversarial.containers import png_chunk, tiff_basics, tiff_of, webp_of
from faceswap_tools.adversarial.images import OK, AdversarialImage, good_images, photograph, saved


def animations() -> Iterator[AdversarialImage]:
    """Several frames, one frame that calls itself an animation, endless lists of frames."""
    frames = [Image.fromarray(np.roll(photograph(), shift, axis=1)) for shift in (0, 9, 18)]
    for kind in ("PNG", "GIF", "WEBP", "TIFF"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        yield AdversarialImage(f"animated {kind}", data, ("ANIMATED_IMAGE",))
    one = saved(frames[0], "GIF", save_all=True, append_images=[])
    yield AdversarialImage("gif with room for more frames", one, OK)
    # an image of one frame that calls itself an animation
    good = good_images()["png"]
    single = good[:33] + png_chunk(b"acTL", struct.pack(">II", 1, 0)) + good[33:]
    yield AdversarialImage("apng of one frame", single, OK)
    zero = good[:33] + png_chunk(b"acTL", struct.pack(">II", 0, 0)) + good[33:]
    yield AdversarialImage("apng of no frames", zero, OK)
    chain = b""
    at, size = 8, 2 + 12 * 5 + 4
    for _ in range(2000):
        at += size
        chain += struct.pack("<H", 5) + b"".join(struct.pack("<HHII", *e) for e in tiff_basics(8, 8))
        chain += struct.pack("<I", at)
    yield AdversarialImage("tiff with 2000 directories", b"II*\0\x08\0\0\0" + chain, ("ANIMATED_IMAGE",))
    loop = tiff_of([*tiff_basics(8, 8), (273, 4, 1, 8), (279, 4, 1, 64)], following=8, tail=bytes(100))
    yield AdversarialImage("tiff whose directory follows itself", loop, ("ANIMATED_IMAGE",))
    yield from _endless_frames()


def _endless_frames() -> Iterator[AdversarialImage]:
    good = good_images()
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    gif = b"GIF89a\1\0\1\0\x80\0\0" + b"\0\0\0\xff\xff\xff"
    yield AdversarialImage("gif of 80 000 frames", gif + frame * 80_000 + b";", ("ANIMATED_IMAGE",))
    endless = gif + b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0" + frame * 2 + b";"
    yield AdversarialImage("gif that repeats for ever", endless, ("ANIMATED_IMAGE",))
    png = good["png"]
    most = png[:33] + png_chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0)) + png[33:]
    yield AdversarialImage("apng of 2^32 - 1 frames", most, ("ANIMATED_IMAGE",))
    canvas = (127).to_bytes(3, "little") + (95).to_bytes(3, "little")
    one = (b"ANMF", bytes(6) + canvas + bytes(4) + good["webp"][12:])
    animated = webp_of((b"VP8X", b"\x02\0\0\0" + canvas), (b"ANIM", bytes(6)), *[one] * 200)
    yield AdversarialImage("webp of 200 frames", animated, ("ANIMATED_IMAGE",))
    said = webp_of((b"VP8X", b"\x02\0\0\0" + canvas), (b"VP8 ", good["webp"][20:]))
    yield AdversarialImage("webp that says it moves and does not", said, ("ANIMATED_IMAGE",))
