"""Hostile encoded pictures, made the same way every time, each with the outcomes that are allowed.

`FINE` means it decodes. Where damage by chance may or may not touch what a decoder notices, two are allowed.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

FINE = "FINE"
LIMIT_BYTES = 1_500_000
LIMIT_PIXELS = 2_000_000
LIMIT_SIDE = 30_000

CUT = ("TRUNCATED_IMAGE",)
BROKEN = ("CORRUPT_IMAGE",)
OK = (FINE,)
DAMAGED = (FINE, "CORRUPT_IMAGE", "TRUNCATED_IMAGE")


@dataclass(frozen=True, slots=True)
class HostileImage:
    """Bytes and the codes they may end with."""

    name: str
    data: bytes
    outcomes: tuple[str, ...]


def photograph(height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    """Something with gradients, edges and noise, uint8 [H,W,3]."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), ((x // 16 + y // 16) % 2) * 200]
    noisy = np.stack(planes, axis=-1) + rng.integers(-6, 7, (height, width, 3))
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """A picture encoded by Pillow."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


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


def _tiff_basics(width: int, height: int) -> list[tuple[int, int, int, int]]:
    return [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]


def all_hostile_images() -> list[HostileImage]:
    """Every hostile picture; names are unique."""
    made = [case for family in _FAMILIES for case in family()]
    names = {case.name for case in made}
    if len(names) != len(made):
        raise ValueError("two hostile pictures have the same name")
    return made


def _good() -> dict[str, bytes]:
    picture = Image.fromarray(photograph())
    transparent = picture.copy()
    transparent.putalpha(Image.linear_gradient("L").resize(picture.size))
    return {
        "jpeg": saved(picture, "JPEG", quality=85),
        "progressive": saved(picture, "JPEG", progressive=True),
        "cmyk": saved(picture.convert("CMYK"), "JPEG"),
        "png": saved(picture, "PNG"),
        "rgba": saved(transparent, "PNG"),
        "palette": saved(picture.quantize(32), "PNG"),
        "grey16": cv2.imencode(".png", photograph()[..., 0].astype(np.uint16) * 257)[1].tobytes(),
        "webp": saved(picture, "WEBP"),
        "webp_lossless": saved(transparent, "WEBP", lossless=True),
        "tiff": saved(picture, "TIFF"),
        "tiff_lzw": saved(picture, "TIFF", compression="tiff_lzw"),
        "bmp": saved(picture, "BMP"),
        "gif": saved(picture, "GIF"),
    }


def _not_pictures() -> Iterator[HostileImage]:
    yield HostileImage("empty", b"", ("EMPTY_IMAGE",))
    yield HostileImage("one byte", b"\xff", ("NOT_AN_IMAGE",))
    rng = np.random.default_rng(3)
    for size in (2, 16, 100, 1000, 10_000, 100_000):
        yield HostileImage(f"random {size}", b"?" + rng.bytes(size - 1), ("NOT_AN_IMAGE",))
    yield HostileImage("zeros", bytes(5000), ("NOT_AN_IMAGE",))
    yield HostileImage("text", b"hello, world", ("NOT_AN_IMAGE",))
    yield HostileImage("text that begins with BM", b"BMW makes cars, not pictures", ("NOT_AN_IMAGE",))
    yield HostileImage("html", b"<!doctype html><script>alert(1)</script>", ("NOT_AN_IMAGE",))
    yield HostileImage("zip", b"PK\3\4" + bytes(60), ("NOT_AN_IMAGE",))
    yield HostileImage("elf", b"\x7fELF" + bytes(60), ("NOT_AN_IMAGE",))
    yield HostileImage("mp4", b"\0\0\0\x20ftypisom" + bytes(60), ("NOT_AN_IMAGE",))
    yield HostileImage("wave in riff", b"RIFF\x24\0\0\0WAVEfmt " + bytes(24), ("NOT_AN_IMAGE",))
    yield HostileImage("python pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0", ("NOT_AN_IMAGE",))
    yield HostileImage("path instead of bytes", b"/etc/passwd", ("NOT_AN_IMAGE",))
    yield HostileImage("base64 instead of bytes", b"/9j/4AAQSkZJRgABAQAAAQABAAD", ("NOT_AN_IMAGE",))
    yield HostileImage("too many bytes", b"\xff\xd8\xff" + bytes(LIMIT_BYTES), ("TOO_MANY_BYTES",))


def _unsupported() -> Iterator[HostileImage]:
    heads = {
        "heic": b"\0\0\0\x18ftypheic",
        "avif": b"\0\0\0\x1cftypavif",
        "jpeg xl": b"\0\0\0\x0cJXL \r\n\x87\n",
        "jpeg xl codestream": b"\xff\x0a",
        "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
        "photoshop": b"8BPS\0\1",
        "ico": b"\0\0\1\0\1\0",
        "pdf": b"%PDF-1.7",
        "postscript": b"%!PS-Adobe-3.0 EPSF",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'>",
        "ppm": b"P6\n100000 100000\n255\n",
        "dds": b"DDS \x7c\0\0\0",
        "exr": b"v/1\x01",
        "qoi": b"qoif\0\0\1\0\0\0\1\0\3\0",
    }
    for name, head in heads.items():
        yield HostileImage(name, head + bytes(100), ("UNSUPPORTED_FORMAT",))
    grey = photograph()[..., 0]
    for mode, values in (("F", grey.astype(np.float32)), ("I", grey.astype(np.int32))):
        yield HostileImage(f"tiff of mode {mode}", saved(Image.fromarray(values), "TIFF"), ("UNSUPPORTED_FORMAT",))
    lab = _tiff_basics(16, 16)
    lab[4] = (262, 3, 1, 8)
    yield HostileImage("tiff in Lab", tiff_of([*lab, (273, 4, 1, 0)]), ("UNSUPPORTED_FORMAT",))
    jpeg = _good()["jpeg"]
    at = jpeg.index(b"\xff\xc0")
    for marker in (0xC3, 0xC5, 0xC7, 0xCB):
        data = jpeg[: at + 1] + bytes((marker,)) + jpeg[at + 2 :]
        yield HostileImage(f"jpeg frame {marker:x}", data, ("UNSUPPORTED_FORMAT",))
    yield HostileImage("12-bit jpeg", jpeg[: at + 4] + b"\x0c" + jpeg[at + 5 :], ("UNSUPPORTED_FORMAT",))
    yield HostileImage("2-component jpeg", jpeg[: at + 9] + b"\x02" + jpeg[at + 10 :], ("UNSUPPORTED_FORMAT",))


def _truncations() -> Iterator[HostileImage]:
    for kind, data in _good().items():
        for share in (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98):
            cut = max(int(len(data) * share), 40)
            allowed = CUT
            if kind in ("tiff", "tiff_lzw"):
                # Pillow writes the directory first for raw, libtiff last for LZW: either way it is cut
                allowed = CUT
            yield HostileImage(f"{kind} cut at {share}", data[:cut], allowed)
    for kind, heads in {
        "jpeg": (3, 4, 6, 20, 200),
        "png": (8, 12, 20, 32),
        "webp": (12, 15, 20, 24),
        "tiff": (4, 7, 8, 9),
        "bmp": (2, 10, 17, 20),
        "gif": (6, 8, 12, 13, 40),
    }.items():
        for cut in heads:
            yield HostileImage(f"{kind} head of {cut}", _good()[kind][:cut], CUT)
    yield HostileImage("jpeg without its end marker", _good()["jpeg"][:-2], CUT)
    yield HostileImage("png without its end chunk", _good()["png"][:-12], CUT)
    yield HostileImage("gif without its trailer", _good()["gif"][:-1], OK)


def _bombs() -> Iterator[HostileImage]:
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
        yield HostileImage(f"png {width}x{height}", png_of(width, height, pixels), (code,))
        entries = [*_tiff_basics(width, height), (273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, 100)]
        yield HostileImage(f"tiff {width}x{height}", tiff_of(entries, tail=bytes(1000)), (code,))
        bmp = b"BM" + struct.pack("<IIIIiiHHIIiiII", 1000, 0, 54, 40, width, height, 1, 24, 0, 0, 1, 1, 0, 0)
        yield HostileImage(f"bmp {width}x{height}", bmp + bytes(900), (code,))
        if width <= 65535:
            frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x22\0\2\x11\1\3\x11\1"
            jpeg = b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
            scan = b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0" + bytes(900)
            yield HostileImage(f"jpeg {width}x{height}", jpeg + scan, (code,))
            screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
            gif = screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08\x02\0\0\0;"
            yield HostileImage(f"gif {width}x{height}", gif, (code,))
        if width and height:
            canvas = (min(width, 2**24) - 1).to_bytes(3, "little") + (min(height, 2**24) - 1).to_bytes(3, "little")
            chunks = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + canvas
            webp = b"RIFF" + struct.pack("<I", 1000) + chunks
            yield HostileImage(f"webp {width}x{height}", webp + bytes(972), (code,))
    yield HostileImage("webp lossless 16384x16384", _webp_lossless(16384, 16384), ("TOO_MANY_PIXELS",))
    yield HostileImage("webp lossy 0x0", _webp_lossy(0, 0), ("BAD_DIMENSIONS",))
    small_screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    frame = b"!\xf9\4\x08\0\0\0\0," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x08\x02\0\0\0;"
    yield HostileImage("gif frame larger than its canvas", small_screen + frame, ("BAD_DIMENSIONS",))
    flat = saved(Image.new("RGB", (1400, 1400)), "PNG", compress_level=9)
    yield HostileImage("png that inflates 1000 times, within limits", flat, OK)
    entries = [*_tiff_basics(64, 64), (322, 4, 1, 100_000), (323, 4, 1, 100_000), (324, 4, 1, 8), (325, 4, 1, 100)]
    yield HostileImage("tiff tile larger than the picture", tiff_of(entries, tail=bytes(1000)), BROKEN)
    bmp = b"BM" + struct.pack("<IIIIiiHHIIiiII", 1000, 0, 54, 40, 64, -(2**31), 1, 24, 0, 0, 1, 1, 0, 0)
    yield HostileImage("bmp of lowest height", bmp + bytes(900), ("BAD_DIMENSIONS",))


def _webp_lossless(width: int, height: int) -> bytes:
    payload = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(500)
    body = b"WEBPVP8L" + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_lossy(width: int, height: int) -> bytes:
    payload = b"\x30\1\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(500)
    body = b"WEBPVP8 " + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _animations() -> Iterator[HostileImage]:
    frames = [Image.fromarray(np.roll(photograph(), shift, axis=1)) for shift in (0, 9, 18)]
    for kind in ("PNG", "GIF", "WEBP", "TIFF"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        yield HostileImage(f"animated {kind}", data, ("ANIMATED_IMAGE",))
    one = saved(frames[0], "GIF", save_all=True, append_images=[])
    yield HostileImage("gif with room for more frames", one, OK)
    # a picture of one frame that calls itself an animation
    good = _good()["png"]
    single = good[:33] + png_chunk(b"acTL", struct.pack(">II", 1, 0)) + good[33:]
    yield HostileImage("apng of one frame", single, OK)
    zero = good[:33] + png_chunk(b"acTL", struct.pack(">II", 0, 0)) + good[33:]
    yield HostileImage("apng of no frames", zero, OK)
    chain = b""
    at, size = 8, 2 + 12 * 5 + 4
    for _ in range(2000):
        at += size
        chain += struct.pack("<H", 5) + b"".join(struct.pack("<HHII", *e) for e in _tiff_basics(8, 8))
        chain += struct.pack("<I", at)
    yield HostileImage("tiff with 2000 directories", b"II*\0\x08\0\0\0" + chain, ("ANIMATED_IMAGE",))
    loop = tiff_of([*_tiff_basics(8, 8), (273, 4, 1, 8), (279, 4, 1, 64)], following=8, tail=bytes(100))
    yield HostileImage("tiff whose directory follows itself", loop, ("ANIMATED_IMAGE",))


def _polyglots() -> Iterator[HostileImage]:
    good = _good()
    script = b"*/=1;alert(document.domain)//"
    archive = b"PK\3\4\x14\0\0\0\0\0" + bytes(20) + b"evil.txt" + b"PK\5\6" + bytes(18)
    for kind in ("jpeg", "png", "webp", "tiff", "bmp", "gif"):
        yield HostileImage(f"{kind} with a zip behind", good[kind] + archive, OK)
        yield HostileImage(f"{kind} with a script behind", good[kind] + script, OK)
    yield HostileImage(
        "gif and javascript", b"GIF89a=1/*" + script, ("TRUNCATED_IMAGE", "CORRUPT_IMAGE", "BAD_DIMENSIONS")
    )
    yield HostileImage("pdf before jpeg", b"%PDF-1.4\n" + good["jpeg"], ("UNSUPPORTED_FORMAT",))
    yield HostileImage("zip before png", archive + good["png"], ("NOT_AN_IMAGE",))
    comment = b"\xff\xfe" + struct.pack(">H", len(script) + 2) + script
    yield HostileImage("script in a jpeg comment", good["jpeg"][:2] + comment + good["jpeg"][2:], OK)
    yield HostileImage("two jpegs (mpo-like)", good["jpeg"] + good["progressive"], OK)
    mpo = saved(Image.fromarray(photograph()), "MPO", save_all=True, append_images=[Image.fromarray(photograph())])
    yield HostileImage("mpo of a phone", mpo, OK)
    yield HostileImage("png signature on a jpeg", b"\x89PNG\r\n\x1a\n" + good["jpeg"], BROKEN)
    yield HostileImage("webp signature on a png", b"RIFF\x10\0\0\0WEBP" + good["png"], BROKEN)


def _profiles_and_exif() -> Iterator[HostileImage]:
    picture = Image.fromarray(photograph())
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
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
            yield HostileImage(f"{kind} profile {name}", saved(picture, kind, icc_profile=profile), OK)
    cmyk = saved(picture.convert("CMYK"), "JPEG", icc_profile=srgb[:16] + b"CMYK" + srgb[20:])
    yield HostileImage("cmyk jpeg with an rgb profile that says cmyk", cmyk, OK)
    good = _good()
    head = good["jpeg"][:2]
    numbered = b"\xff\xe2\0\x14ICC_PROFILE\0\x02\x05abcd"
    yield HostileImage("jpeg profile with pieces missing", head + numbered + good["jpeg"][2:], OK)
    bomb = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(300_000_000), 9))
    yield HostileImage("png profile that inflates to 300 MB", good["png"][:33] + bomb + good["png"][33:], OK)
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
            yield HostileImage(f"{kind} exif {name}", saved(picture, kind, exif=block), OK)


def _metadata_bombs() -> Iterator[HostileImage]:
    good = _good()["png"]
    head, rest = good[:33], good[33:]
    inflating = zlib.compress(bytes(7_900_000), 9)
    ztxt = b"".join(png_chunk(b"zTXt", b"k%d\0\0" % i + inflating) for i in range(100))
    yield HostileImage("png with 100 texts that inflate to 8 MB each", head + ztxt + rest, OK)
    palette = _good()["palette"]
    yield HostileImage("palette png with 100 such texts", palette[:33] + ztxt + palette[33:], OK)
    itxt = b"".join(png_chunk(b"iTXt", b"k%d\0\1\0\0\0" % i + inflating) for i in range(100))
    yield HostileImage("png with 100 international texts", head + itxt + rest, OK)
    yield HostileImage("png with 1 MB of text", head + png_chunk(b"tEXt", b"workflow\0" + b"x" * 1_000_000) + rest, OK)
    yield HostileImage("png with 100 000 chunks", head + png_chunk(b"prVt", b"") * 100_000 + rest, BROKEN)
    values = [(40_000 + i, 7, 900_000, 8) for i in range(2000)]
    pixels = 8 + 2 + 12 * (len(values) + 8) + 4
    basics = [*_tiff_basics(64, 64), (273, 4, 1, pixels), (278, 4, 1, 64), (279, 4, 1, 4096)]
    tiff = tiff_of([*basics, *values], tail=bytes(1_000_000))
    yield HostileImage("tiff with 2000 overlapping values of 900 kB", tiff, OK)
    strips = [*_tiff_basics(64, 64), (273, 4, 240_000, 8), (278, 4, 1, 1), (279, 4, 240_000, 8)]
    yield HostileImage("tiff with overlapping strip tables", tiff_of(strips, tail=bytes(1_000_000)), BROKEN)
    twice = [*_tiff_basics(64, 64), (256, 4, 1, 60_000), (257, 4, 1, 60_000)]
    twice += [(273, 4, 1, 8 + 2 + 12 * 10 + 4), (278, 4, 1, 64), (279, 4, 1, 4096)]
    yield HostileImage("tiff that states its size twice", tiff_of(twice, tail=bytes(4096)), OK)
    jpeg = _good()["progressive"]
    scan = jpeg[jpeg.index(b"\xff\xda") : -2]
    scan = scan[: scan.index(b"\xff\xda", 2)] if b"\xff\xda" in scan[2:] else scan
    yield HostileImage("progressive jpeg with 2000 scans", jpeg[:-2] + scan[:200] * 2000 + jpeg[-2:], BROKEN)
    comments = (b"\xff\xfe\xff\xff" + bytes(65533)) * 20
    yield HostileImage("jpeg with 1.3 MB of comments", jpeg[:2] + comments + jpeg[2:], OK)
    fill = b"\xff" * 1_000_000
    yield HostileImage("jpeg with 1 MB of fill bytes", jpeg[:2] + fill + jpeg[2:], OK)


def _broken_structures() -> Iterator[HostileImage]:
    good = _good()
    png = good["png"]
    for name in (b"IHDR", b"IDAT", b"IEND"):
        at = png.index(name)
        (length,) = struct.unpack_from(">I", png, at - 4)
        end = at + 4 + length
        broken = png[:end] + bytes((png[end] ^ 1,)) + png[end + 1 :]
        yield HostileImage(f"png with a wrong checksum of {name.decode()}", broken, BROKEN)
    text = png_chunk(b"tEXt", b"a\0b")
    yield HostileImage("png with a wrong checksum of tEXt", png[:33] + text[:-1] + b"\0" + png[33:], BROKEN)
    yield HostileImage("png without pixels", png_of(64, 64, png_chunk(b"IEND", b"")), BROKEN)
    short = png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")
    yield HostileImage("png with too few pixels", png_of(64, 64, short), (*BROKEN, *CUT))
    garbage = png_chunk(b"IDAT", b"this is not deflate" * 20) + png_chunk(b"IEND", b"")
    yield HostileImage("png with pixels that are not deflate", png_of(64, 64, garbage), BROKEN)
    for depth, colour in ((3, 2), (8, 1), (16, 3), (8, 7), (0, 0)):
        data = png_of(8, 8, short, depth=depth, colour=colour)
        yield HostileImage(f"png of depth {depth}, colour type {colour}", data, BROKEN)
    index = png_chunk(b"IDAT", zlib.compress((b"\0" + b"\xff" * 8) * 8)) + png_chunk(b"IEND", b"")
    no_palette = png_of(8, 8, index, colour=3)
    yield HostileImage("png palette picture without a palette", no_palette, (*BROKEN, FINE))
    jpeg = good["jpeg"]
    yield HostileImage("jpeg of markers only", b"\xff\xd8\xff\xd9", BROKEN)
    yield HostileImage("jpeg scan without frame", b"\xff\xd8" + jpeg[jpeg.index(b"\xff\xda") :], BROKEN)
    at = jpeg.index(b"\xff\xc0")
    yield HostileImage("jpeg with two frames", jpeg[:at] + jpeg[at : at + 19] + jpeg[at:], BROKEN)
    yield HostileImage("jpeg without tables", jpeg[:20] + jpeg[at : at + 19] + jpeg[jpeg.index(b"\xff\xda") :], BROKEN)
    yield HostileImage("jpeg with a segment of length 0", b"\xff\xd8\xff\xe1\0\0" + jpeg[2:], BROKEN)
    yield HostileImage("jpeg with sampling factor 0", jpeg[: at + 11] + b"\0" + jpeg[at + 12 :], BROKEN)
    yield HostileImage("tiff without a size", tiff_of([(258, 3, 1, 8)]), BROKEN)
    yield HostileImage("tiff without strips", tiff_of(_tiff_basics(64, 64)), BROKEN)
    far = [*_tiff_basics(64, 64), (273, 4, 1, 10_000_000), (278, 4, 1, 64), (279, 4, 1, 4096)]
    yield HostileImage("tiff whose strip lies outside", tiff_of(far), CUT)
    zero_rows = [*_tiff_basics(64, 64), (273, 4, 1, 8), (278, 4, 1, 0), (279, 4, 1, 64)]
    yield HostileImage("tiff with strips of no rows", tiff_of(zero_rows, tail=bytes(5000)), DAMAGED)
    odd = [*_tiff_basics(64, 64), (273, 4, 1, 8), (279, 4, 1, 64)]
    odd[3] = (259, 3, 1, 34712)
    yield HostileImage(
        "tiff with an unknown compression", tiff_of(odd, tail=bytes(100)), ("UNSUPPORTED_FORMAT", *BROKEN)
    )
    yield HostileImage("bmp of 5 bits a pixel", good["bmp"][:28] + b"\5\0" + good["bmp"][30:], BROKEN)
    yield HostileImage("gif without frames", b"GIF89a\1\0\1\0\0\0\0;", BROKEN)
    yield HostileImage("gif with an unknown block", b"GIF89a\1\0\1\0\0\0\0\x99\0\0", BROKEN)
    yield HostileImage("webp with a wrong start code", _webp_lossy(8, 8).replace(b"\x9d\x01\x2a", b"abc"), BROKEN)
    yield HostileImage("webp of zeros", _webp_lossy(64, 64), BROKEN)
    yield HostileImage("webp lossless of zeros", _webp_lossless(64, 64), DAMAGED)


def _bit_flips() -> Iterator[HostileImage]:
    rng = np.random.default_rng(11)
    for kind, data in _good().items():
        for turn in range(8):
            damaged = bytearray(data)
            at = int(rng.integers(len(data) // 2, len(data)))
            damaged[at] ^= 1 << int(rng.integers(8))
            allowed = (*DAMAGED, "ANIMATED_IMAGE") if kind.startswith(("tiff", "gif")) else DAMAGED
            yield HostileImage(f"{kind} bit flip {turn} at {at}", bytes(damaged), allowed)


_FAMILIES = (
    _not_pictures,
    _unsupported,
    _truncations,
    _bombs,
    _animations,
    _polyglots,
    _profiles_and_exif,
    _metadata_bombs,
    _broken_structures,
    _bit_flips,
)
