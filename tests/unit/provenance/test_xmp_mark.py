"""The mark in JPEG, PNG and WebP, read back by tools that are not ours."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
from faceswap_core.errors import CorruptImage
from faceswap_core.provenance.xmp.mark import mark_as_synthetic, read_xmp
from faceswap_core.provenance.xmp.packet import DIGITAL_SOURCE_TYPE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

FORMATS = ["jpeg", "png", "webp"]
TITLE = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    b"<rdf:Description rdf:about='' xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/' "
    b"photoshop:Headline='kept'/></rdf:RDF></x:xmpmeta>"
)


def pixels(encoded: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image, np.uint8)


@pytest.mark.parametrize("format", FORMATS)
def test_exiftool_reads_the_mark_and_what_was_there(format: Any, encode: Any, exiftool: Any) -> None:
    marked = mark_as_synthetic(encode(format), format, TITLE)
    assert exiftool(marked, "XMP-iptcExt:DigitalSourceType") == DIGITAL_SOURCE_TYPE
    assert exiftool(marked, "XMP-photoshop:Headline") == "kept"
    assert exiftool(marked, "Warning") == ""
    assert exiftool(marked, "Error") == ""


@pytest.mark.parametrize("format", FORMATS)
def test_pixels_stay_and_little_is_added(format: Any, encode: Any) -> None:
    plain = encode(format)
    marked = mark_as_synthetic(plain, format)
    np.testing.assert_array_equal(pixels(marked), pixels(plain))
    assert 0 < len(marked) - len(plain) <= 600


@pytest.mark.parametrize("format", FORMATS)
def test_read_xmp_gives_the_packet_back(format: Any, encode: Any) -> None:
    plain = encode(format)
    assert read_xmp(plain) is None
    packet = read_xmp(mark_as_synthetic(plain, format, TITLE))
    assert packet is not None
    assert b"photoshop:Headline='kept'" in packet
    assert DIGITAL_SOURCE_TYPE.encode() in packet


@pytest.mark.parametrize("format", FORMATS)
def test_a_packet_already_in_the_image_is_extended_not_doubled(format: Any, encode: Any, exiftool: Any) -> None:
    marked = mark_as_synthetic(encode(format, xmp=TITLE) if format != "png" else png_with_text(encode), format)
    assert exiftool(marked, "XMP-photoshop:Headline") == "kept"
    assert marked.count(b"<x:xmpmeta") == 1
    again = mark_as_synthetic(marked, format)
    assert again.count(DIGITAL_SOURCE_TYPE.encode()) == 1


def png_with_text(encode: Any, compress: bool = False, behind_pixels: bool = False) -> bytes:
    png = encode("png")
    text = zlib.compress(TITLE) if compress else TITLE
    body = b"iTXtXML:com.adobe.xmp\0" + (b"\1" if compress else b"\0") + b"\0en\0key\0" + text
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    at = len(png) - 12 if behind_pixels else 33
    return bytes(png[:at] + chunk + png[at:])


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("behind_pixels", [False, True])
def test_png_text_in_any_place_and_form(compress: bool, behind_pixels: bool, encode: Any, exiftool: Any) -> None:
    png = png_with_text(encode, compress, behind_pixels)
    assert read_xmp(png) == TITLE
    marked = mark_as_synthetic(png, "png")
    assert exiftool(marked, "XMP-photoshop:Headline") == "kept"
    assert marked.count(b"XML:com.adobe.xmp") == 1
    assert marked.index(b"iTXt") < marked.index(b"IDAT")


def test_png_text_that_inflates_without_end_is_not_read(encode: Any) -> None:
    bomb = zlib.compress(b"<" * (64 << 20), 9)
    body = b"iTXtXML:com.adobe.xmp\0\1\0\0\0" + bomb
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    png = encode("png")
    assert read_xmp(png[:33] + chunk + png[33:]) is None


def test_jpeg_mark_stands_behind_jfif_and_exif(encode: Any, exiftool: Any) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    marked = mark_as_synthetic(encode("jpeg", exif=exif, icc_profile=b"\0" * 200), "jpeg")
    order = [marked.index(b"JFIF\0"), marked.index(b"Exif\0"), marked.index(b"ns.adobe.com/xap"), marked.index(b"ICC_")]
    assert order == sorted(order)
    assert exiftool(marked, "EXIF:ImageDescription") == "a description"


def test_jpeg_packet_over_one_segment_is_replaced(encode: Any, exiftool: Any) -> None:
    huge = TITLE.replace(b"kept", b"k" * 66_000)
    marked = mark_as_synthetic(encode("jpeg"), "jpeg", huge)
    assert exiftool(marked, "XMP-iptcExt:DigitalSourceType") == DIGITAL_SOURCE_TYPE
    assert exiftool(marked, "XMP-photoshop:Headline") == ""
    assert b"kkkk" in mark_as_synthetic(encode("png"), "png", huge)


@pytest.mark.parametrize(
    ("mode", "options", "flags"),
    [("RGB", {}, 0x04), ("RGB", {"lossless": True}, 0x04), ("RGBA", {"lossless": True}, 0x14)],
)
def test_simple_webp_gets_an_extended_header(mode: str, options: Any, flags: int, encode: Any) -> None:
    plain = encode("webp", mode, **options)
    if mode == "RGBA":  # Pillow's encoder drops an alpha that hides nothing, so make one pixel clear
        frame = np.full((9, 7, 4), 255, np.uint8)
        frame[0, 0, 3] = 0
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "webp", lossless=True)
        plain = buffer.getvalue()
    marked = mark_as_synthetic(plain, "webp")
    assert marked[12:16] == b"VP8X"
    assert marked[20] == flags
    assert int.from_bytes(marked[4:8], "little") == len(marked) - 8
    with Image.open(io.BytesIO(marked)) as image:
        assert (
            int.from_bytes(marked[24:27], "little") + 1,
            int.from_bytes(marked[27:30], "little") + 1,
        ) == image.size
    np.testing.assert_array_equal(pixels(marked), pixels(plain))


def test_extended_webp_keeps_its_other_chunks(encode: Any) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    marked = mark_as_synthetic(encode("webp", exif=exif, icc_profile=b"\1" * 201), "webp")
    with Image.open(io.BytesIO(marked)) as image:
        assert image.info["icc_profile"] == b"\1" * 201
        assert image.getexif()[0x010E] == "a description"
    assert marked[20] & 0x2C == 0x2C  # ICC, EXIF and XMP are announced


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "broken", [b"", b"\xff\xd8", b"RIFF\0\0\0\0WEBP", b"\x89PNG\r\n\x1a\n", b"GIF89a" + b"\0" * 60]
)
def test_what_is_no_image_is_refused(format: Any, broken: bytes) -> None:
    with pytest.raises(CorruptImage):
        mark_as_synthetic(broken, format)
    assert read_xmp(broken) is None


def test_other_formats_are_refused() -> None:
    with pytest.raises(ValueError, match="'jpeg', 'png' or 'webp'"):
        mark_as_synthetic(b"GIF89a", "gif")  # type: ignore[arg-type]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), format=st.sampled_from(FORMATS))
def test_damaged_images_are_marked_or_refused(data: Any, format: Any, encode: Any) -> None:
    encoded = bytearray(mark_as_synthetic(encode(format), format, TITLE))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    read_xmp(damaged)
    try:
        marked = mark_as_synthetic(damaged, format)
    except CorruptImage:
        return
    assert DIGITAL_SOURCE_TYPE.encode() in marked
