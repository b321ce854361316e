"""Valid pixels with damaged or enormous metadata: ICC profiles, EXIF, texts, tables."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

from faceswap_tools.adversarial.containers import png_chunk, tiff_basics, tiff_of
from faceswap_tools.adversarial.images import BROKEN, OK, AdversarialImage, good_images, photograph, saved


def profiles_and_exif() -> Iterator[AdversarialImage]:
    """Damaged ICC profiles and EXIF; the pixels are fine and must be read."""
    image = Image.fromarray(photograph())
    srgb = srgb_profile()
    rng = np.random.default_rng(5)
    profiles = {
        "of random bytes": rng.bytes(5000),
        "cut": srgb[:200],
        "with a wrong size": b"\xff\xff\xff\xff" + srgb[4:],
        "with a wild tag table": srgb[:128] + b"\xff\xff\xff\xff" * 100,
        "of one byte": b"x",
        "in zeros": bytes(3000),
        "for Lab": srgb[:16] + b"Lab " + srgb[20:],
        "for cmyk in rgb": srgb[:16] + b"CMYK" + srgb[20:],
        "of 200 kB": srgb + bytes(200_000),
    }
    for name, profile in profiles.items():
        for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
            yield AdversarialImage(f"{kind} profile {name}", saved(image, kind, icc_profile=profile), OK)
    cmyk = saved(image.convert("CMYK"), "JPEG", icc_profile=srgb[:16] + b"CMYK" + srgb[20:])
    yield AdversarialImage("cmyk jpeg with an rgb profile that says cmyk", cmyk, OK)
    good = good_images()
    head = good["jpeg"][:2]
    numbered = b"\xff\xe2\0\x14ICC_PROFILE\0\x02\x05abcd"
    yield AdversarialImage("jpeg profile with pieces missing", head + numbered + good["jpeg"][2:], OK)
    bomb = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(300_000_000), 9))
    yield AdversarialImage("png profile that inflates to 300 MB", good["png"][:33] + bomb + good["png"][33:], OK)
    overlapping = b"II*\0\x08\0\0\0" + struct.pack("<H", 4000)
    overlapping += b"".join(struct.pack("<HHII", 40_000 + i, 7, 48_000, 8) for i in range(4000)) + bytes(4)
    exif = {
        "of random bytes": b"Exif\0\0" + rng.bytes(500),
        "cut": b"Exif\0\0II*\0\x08\0\0\0\x05\0",
        "of orientation 99": b"Exif\0\0" + tiff_of([(274, 3, 1, 99)]),
        "of orientation 0": b"Exif\0\0" + tiff_of([(274, 3, 1, 0)]),
        "whose orientation is text": b"Exif\0\0" + tiff_of([(274, 2, 4, 0x31323334)]),
        "with 65535 entries": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(100),
        "that points outside": b"Exif\0\0II*\0\xff\xff\xff\x7f",
        "that follows itself": b"Exif\0\0" + tiff_of([(34665, 4, 1, 8)], following=8),
        "of 4000 overlapping values": b"Exif\0\0" + overlapping,
        "without content": b"Exif\0\0",
    }
    for name, block in exif.items():
        for kind in ("JPEG", "PNG", "WEBP"):
            yield AdversarialImage(f"{kind} exif {name}", saved(image, kind, exif=block), OK)


def srgb_profile() -> bytes:
    """A good sRGB profile, the same bytes every time."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + bytes(12) + made[36:]  # without the time at which it was made


def metadata_bombs() -> Iterator[AdversarialImage]:
    """Texts, chunks and tables that inflate, overlap or never end."""
    good = good_images()["png"]
    head, rest = good[:33], good[33:]
    inflating = zlib.compress(bytes(7_900_000), 9)
    ztxt = b"".join(png_chunk(b"zTXt", b"k%d\0\0" % i + inflating) for i in range(100))
    yield AdversarialImage("png with 100 texts that inflate to 8 MB each", head + ztxt + rest, OK)
    palette = good_images()["palette"]
    yield AdversarialImage("palette png with 100 such texts", palette[:33] + ztxt + palette[33:], OK)
    itxt = b"".join(png_chunk(b"iTXt", b"k%d\0\1\0\0\0" % i + inflating) for i in range(100))
    yield AdversarialImage("png with 100 international texts", head + itxt + rest, OK)
    yield AdversarialImage(
        "png with 1 MB of text", head + png_chunk(b"tEXt", b"workflow\0" + b"x" * 1_000_000) + rest, OK
    )
    yield AdversarialImage("png with 100 000 chunks", head + png_chunk(b"prVt", b"") * 100_000 + rest, BROKEN)
    values = [(40_000 + i, 7, 900_000, 8) for i in range(2000)]
    pixels = 8 + 2 + 12 * (len(values) + 8) + 4
    basics = [*tiff_basics(64, 64), (273, 4, 1, pixels), (278, 4, 1, 64), (279, 4, 1, 4096)]
    tiff = tiff_of([*basics, *values], tail=bytes(1_000_000))
    yield AdversarialImage("tiff with 2000 overlapping values of 900 kB", tiff, OK)
    strips = [*tiff_basics(64, 64), (273, 4, 240_000, 8), (278, 4, 1, 1), (279, 4, 240_000, 8)]
    yield AdversarialImage("tiff with overlapping strip tables", tiff_of(strips, tail=bytes(1_000_000)), BROKEN)
    twice = [*tiff_basics(64, 64), (256, 4, 1, 60_000), (257, 4, 1, 60_000)]
    twice += [(273, 4, 1, 8 + 2 + 12 * 10 + 4), (278, 4, 1, 64), (279, 4, 1, 4096)]
    yield AdversarialImage("tiff that states its size twice", tiff_of(twice, tail=bytes(4096)), OK)
    jpeg = good_images()["progressive"]
    scan = jpeg[jpeg.index(b"\xff\xda") : -2]
    scan = scan[: scan.index(b"\xff\xda", 2)] if b"\xff\xda" in scan[2:] else scan
    yield AdversarialImage("progressive jpeg with 2000 scans", jpeg[:-2] + scan[:200] * 2000 + jpeg[-2:], BROKEN)
    comments = (b"\xff\xfe\xff\xff" + bytes(65533)) * 20
    yield AdversarialImage("jpeg with 1.3 MB of comments", jpeg[:2] + comments + jpeg[2:], OK)
    fill = b"\xff" * 1_000_000
    yield AdversarialImage("jpeg with 1 MB of fill bytes", jpeg[:2] + fill + jpeg[2:], OK)
