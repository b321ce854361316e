"""Bytes that are no image, and images of unsupported formats."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from faceswap_tools.adversarial.containers import tiff_basics, tiff_of
from faceswap_tools.adversarial.images import LIMIT_BYTES, AdversarialImage, good_images, photograph, saved


def not_images() -> Iterator[AdversarialImage]:
    """Nothing, noise, and files of other kinds."""
    yield AdversarialImage("empty", b"", ("EMPTY_IMAGE",))
    yield AdversarialImage("one byte", b"\xff", ("NOT_AN_IMAGE",))
    rng = np.random.default_rng(3)
    for size in (2, 16, 100, 1000, 10_000, 100_000):
        yield AdversarialImage(f"random {size}", b"?" + rng.bytes(size - 1), ("NOT_AN_IMAGE",))
    yield AdversarialImage("zeros", bytes(5000), ("NOT_AN_IMAGE",))
    yield AdversarialImage("text", b"hello, world", ("NOT_AN_IMAGE",))
    yield AdversarialImage("text that begins with BM", b"BMW makes cars, not images", ("NOT_AN_IMAGE",))
    yield AdversarialImage("html", b"<!doctype html><script>alert(1)</script>", ("NOT_AN_IMAGE",))
    yield AdversarialImage("zip", b"PK\3\4" + bytes(60), ("NOT_AN_IMAGE",))
    yield AdversarialImage("elf", b"\x7fELF" + bytes(60), ("NOT_AN_IMAGE",))
    yield AdversarialImage("mp4", b"\0\0\0\x20ftypisom" + bytes(60), ("NOT_AN_IMAGE",))
    yield AdversarialImage("wave in riff", b"RIFF\x24\0\0\0WAVEfmt " + bytes(24), ("NOT_AN_IMAGE",))
    yield AdversarialImage("python pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0", ("NOT_AN_IMAGE",))
    yield AdversarialImage("path instead of bytes", b"/etc/passwd", ("NOT_AN_IMAGE",))
    yield AdversarialImage("base64 instead of bytes", b"/9j/4AAQSkZJRgABAQAAAQABAAD", ("NOT_AN_IMAGE",))
    yield AdversarialImage("too many bytes", b"\xff\xd8\xff" + bytes(LIMIT_BYTES), ("TOO_MANY_BYTES",))


def unsupported() -> Iterator[AdversarialImage]:
    """Images, but of formats and variants that are not on the list."""
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
        yield AdversarialImage(name, head + bytes(100), ("UNSUPPORTED_FORMAT",))
    grey = photograph()[..., 0]
    for mode, values in (("F", grey.astype(np.float32)), ("I", grey.astype(np.int32))):
        yield AdversarialImage(f"tiff of mode {mode}", saved(Image.fromarray(values), "TIFF"), ("UNSUPPORTED_FORMAT",))
    lab = tiff_basics(16, 16)
    lab[4] = (262, 3, 1, 8)
    yield AdversarialImage("tiff in Lab", tiff_of([*lab, (273, 4, 1, 0)]), ("UNSUPPORTED_FORMAT",))
    jpeg = good_images()["jpeg"]
    at = jpeg.index(b"\xff\xc0")
    for marker in (0xC3, 0xC5, 0xC7, 0xCB):
        data = jpeg[: at + 1] + bytes((marker,)) + jpeg[at + 2 :]
        yield AdversarialImage(f"jpeg frame {marker:x}", data, ("UNSUPPORTED_FORMAT",))
    yield AdversarialImage("12-bit jpeg", jpeg[: at + 4] + b"\x0c" + jpeg[at + 5 :], ("UNSUPPORTED_FORMAT",))
    yield AdversarialImage("2-component jpeg", jpeg[: at + 9] + b"\x02" + jpeg[at + 10 :], ("UNSUPPORTED_FORMAT",))
