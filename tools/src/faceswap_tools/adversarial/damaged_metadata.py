"""ICC profiles and EXIF damaged in the container or inside, beyond what an encoder can be made to write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from faceswap_tools.adversarial.containers import jpeg_segment, png_chunk, tiff_basics, tiff_of, webp_of
from faceswap_tools.adversarial.images import OK, AdversarialImage, good_images, photograph
from faceswap_tools.adversarial.metadata import srgb_profile

ICC = b"ICC_PROFILE\0"


def damaged_profiles() -> Iterator[AdversarialImage]:
    """The pixels are fine: they are read without the profile."""
    jpeg, png = good_images()["jpeg"], good_images()["png"]
    for name, profile in _profiles(srgb_profile()).items():
        piece = jpeg_segment(0xE2, ICC + b"\1\1" + profile)
        yield AdversarialImage(f"icc in jpeg: {name}", jpeg[:2] + piece + jpeg[2:], OK)
        stored = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))
        yield AdversarialImage(f"icc in png: {name}", png[:33] + stored + png[33:], OK)
        yield AdversarialImage(f"icc in webp: {name}", _webp_with(b"ICCP", profile, 0x20), OK)
        yield AdversarialImage(f"icc in tiff: {name}", _tiff_with_profile(profile), OK)
    pieces = {
        "number 0": [(0, 1)],
        "number above the count": [(9, 2)],
        "the same number twice": [(1, 2), (1, 2)],
        "255 of 255 alone": [(255, 255)],
        "counts that contradict": [(1, 2), (2, 3)],
    }
    for name, numbers in pieces.items():
        parts = b"".join(jpeg_segment(0xE2, ICC + bytes(pair) + srgb_profile()) for pair in numbers)
        yield AdversarialImage(f"icc pieces in jpeg: {name}", jpeg[:2] + parts + jpeg[2:], OK)
    for name, payload in {
        "not deflate": b"x\0\0" + b"not deflate" * 20,
        "deflate that is cut": b"x\0\0" + zlib.compress(srgb_profile())[:-20],
        "unknown compression": b"x\0\7" + zlib.compress(srgb_profile()),
        "no name": b"\0\0" + zlib.compress(srgb_profile()),
        "a name without end": b"n" * 300,
        "nothing": b"",
    }.items():
        yield AdversarialImage(f"iCCP in png: {name}", png[:33] + png_chunk(b"iCCP", payload) + png[33:], OK)


def _profiles(srgb: bytes) -> dict[str, bytes]:
    (tags,) = struct.unpack_from(">I", srgb, 128)
    first = struct.unpack_from(">II", srgb, 136)
    rng = np.random.default_rng(17)
    noisy = bytearray(srgb)
    for at in rng.integers(128, len(srgb), 200):
        noisy[at] ^= int(rng.integers(1, 256))
    return {
        "as many tags as there are numbers": srgb[:128] + b"\xff\xff\xff\xff" + srgb[132:],
        "no tags": srgb[:128] + bytes(4) + srgb[132:],
        "a tag beyond the end": srgb[:136] + struct.pack(">II", 2**32 - 8, first[1]) + srgb[144:],
        "a tag of 4 GB": srgb[:136] + struct.pack(">II", first[0], 2**32 - 1) + srgb[144:],
        "every tag the same": srgb[:132] + srgb[132:144] * tags + srgb[132 + 12 * tags :],
        "a link between devices": srgb[:12] + b"link" + srgb[16:],
        "an abstract profile": srgb[:12] + b"abst" + srgb[16:],
        "an unknown colour space": srgb[:16] + b"????" + srgb[20:],
        "version 255": srgb[:8] + b"\xff\xff\xff\xff" + srgb[12:],
        "no signature": srgb[:36] + b"nope" + srgb[40:],
        "200 bytes of noise": bytes(noisy),
    }


def _webp_with(name: bytes, payload: bytes, flag: int) -> bytes:
    """The good WebP in the extended form, with one more chunk before its pixels (ICCP) or behind (EXIF)."""
    height, width = photograph().shape[:2]
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    pixels = (b"VP8 ", good_images()["webp"][20:])
    chunks = [(name, payload), pixels] if name == b"ICCP" else [pixels, (name, payload)]
    return webp_of((b"VP8X", bytes((flag, 0, 0, 0)) + canvas), *chunks)


def _tiff_with_profile(profile: bytes) -> bytes:
    at = 8 + 2 + 12 * 9 + 4
    entries = [*tiff_basics(64, 64), (273, 4, 1, at), (278, 4, 1, 64), (279, 4, 1, 4096)]
    return tiff_of([*entries, (34675, 7, len(profile), at + 4096)], tail=bytes(4096) + profile)


def damaged_exif() -> Iterator[AdversarialImage]:
    """The pixels are fine: they are read, turned only where there is one orientation that makes sense."""
    jpeg, png = good_images()["jpeg"], good_images()["png"]
    blocks = {
        "no byte order": b"XX*\0" + bytes(20),
        "wrong magic number": b"II+\1" + bytes(20),
        "an orientation of float": tiff_of([(274, 11, 1, 0x3F800000)]),
        "an orientation of 2^32 - 1": tiff_of([(274, 4, 1, 2**32 - 1)]),
        "an orientation counted 4 billion times": tiff_of([(274, 3, 2**32 - 1, 6)]),
        "an orientation of no count": tiff_of([(274, 3, 0, 6)]),
        "two orientations": tiff_of([(274, 3, 1, 6), (274, 3, 1, 3)]),
        "an unknown type": tiff_of([(274, 99, 1, 6)]),
        "GPS that points at itself": tiff_of([(34853, 4, 1, 8)]),
        "a thumbnail outside": tiff_of([(513, 4, 1, 2**32 - 1), (514, 4, 1, 2**32 - 1)]),
        "a maker note of 4 GB": tiff_of([(37500, 7, 2**32 - 1, 8)]),
        "a first directory inside the header": b"II*\0\0\0\0\0" + bytes(30),
        "64 kB of noise": b"II*\0" + np.random.default_rng(19).bytes(60_000),
        "nothing": b"",
    }
    for name, block in blocks.items():
        data = jpeg[:2] + jpeg_segment(0xE1, b"Exif\0\0" + block) + jpeg[2:]
        yield AdversarialImage(f"exif in jpeg: {name}", data, OK)
        yield AdversarialImage(f"exif in png: {name}", png[:33] + png_chunk(b"eXIf", block) + png[33:], OK)
        yield AdversarialImage(f"exif in webp: {name}", _webp_with(b"EXIF", block, 0x08), OK)
    turned = [jpeg_segment(0xE1, b"Exif\0\0" + tiff_of([(274, 3, 1, value)])) for value in (6, 3, 8)]
    yield AdversarialImage("three EXIF blocks that contradict", jpeg[:2] + b"".join(turned) + jpeg[2:], OK)
    twice = b"".join(png_chunk(b"eXIf", tiff_of([(274, 3, 1, value)])) for value in (6, 3))
    yield AdversarialImage("two EXIF chunks that contradict", png[:33] + twice + png[33:], OK)
    external = b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>"
    packet = jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + external)
    yield AdversarialImage("XMP that names a file", jpeg[:2] + packet + jpeg[2:], OK)
    doubling = b"<!DOCTYPE x [<!ENTITY a '" + b"lol" * 10 + b"'>"
    doubling += b"".join(b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)) + b"]><x>&j;</x>"
    text = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + doubling)
    yield AdversarialImage("XMP that doubles itself", png[:33] + text + png[33:], OK)
