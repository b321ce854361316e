"""The mark in JPEG, PNG and WebP, read back by tools that are not ours."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from faceswap_core.errors import CorruptImage
from faceswap_core.provenance.xmp.jpeg import jpeg_with_xmp
from faceswap_core.provenance.xmp.mark import mark_as_synthetic
from faceswap_core.provenance.xmp.packet import DIGITAL_SOURCE_TYPE, SYNTHETIC_PACKET
from faceswap_core.provenance.xmp.read_back import xmp_packets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms
from support.hostile_xmp import CAPTURE, placed

FORMATS = ["jpeg", "png", "webp"]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def pixels(encoded: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image, np.uint8)


@pytest.mark.parametrize("format", FORMATS)
def test_exiftool_reads_the_mark_and_has_no_complaint(format: Any, encode: Any, exiftool: Any) -> None:
    marked = mark_as_synthetic(encode(format), format)
    assert exiftool(marked, "XMP-iptcExt:DigitalSourceType") == DIGITAL_SOURCE_TYPE
    assert exiftool(marked, "Warning") == ""
    assert exiftool(marked, "Error") == ""


@pytest.mark.parametrize("format", FORMATS)
def test_pixels_stay_and_little_is_added(format: Any, encode: Any) -> None:
    plain = encode(format)
    marked = mark_as_synthetic(plain, format)
    np.testing.assert_array_equal(pixels(marked), pixels(plain))
    assert 0 < len(marked) - len(plain) <= 600


@pytest.mark.parametrize("format", FORMATS)
def test_xmp_that_the_image_has_is_replaced_wherever_it_is(format: Any, encode: Any) -> None:
    images = dict(placed(format, encode(format, icc_profile=SRGB), CAPTURE))
    for name, image in images.items():
        marked = mark_as_synthetic(image, format)
        if name not in ("behind the end", "comment", "APP13"):  # nobody reads XMP there
            assert xmp_packets(marked) == [SYNTHETIC_PACKET], name
            assert b"digitalCapture" not in marked, name
        np.testing.assert_array_equal(pixels(marked), pixels(image))


@pytest.mark.parametrize("format", FORMATS)
def test_marking_twice_changes_nothing(format: Any, encode: Any) -> None:
    once = mark_as_synthetic(encode(format), format)
    assert mark_as_synthetic(once, format) == once


def test_jpeg_mark_stands_behind_jfif_and_exif(encode: Any, exiftool: Any) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    marked = mark_as_synthetic(encode("jpeg", exif=exif, icc_profile=b"\0" * 200), "jpeg")
    order = [marked.index(b"JFIF\0"), marked.index(b"Exif\0"), marked.index(b"ns.adobe.com/xap"), marked.index(b"ICC_")]
    assert order == sorted(order)
    assert exiftool(marked, "EXIF:ImageDescription") == "a description"


def test_a_jpeg_packet_over_one_segment_is_an_error(encode: Any) -> None:
    with pytest.raises(ValueError, match="65533"):
        jpeg_with_xmp(encode("jpeg"), b" " * 65_533)


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


def test_other_formats_are_refused() -> None:
    with pytest.raises(ValueError, match="'jpeg', 'png' or 'webp'"):
        mark_as_synthetic(b"GIF89a", "gif")  # type: ignore[arg-type]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), format=st.sampled_from(FORMATS))
def test_damaged_images_are_marked_or_refused(data: Any, format: Any, encode: Any) -> None:
    encoded = bytearray(mark_as_synthetic(encode(format), format))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    try:
        marked = mark_as_synthetic(damaged, format)
    except CorruptImage:
        return
    assert DIGITAL_SOURCE_TYPE.encode() in marked
