"""Inspects the header of an encoded image, and checks format and size before anything is decoded.

Checked in this order, first failure wins: empty, byte size, recognised at all, supported format, readable
header, sides, pixel count, number of frames. Memory does not grow with what the header claims.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from faceswap_core.codecs.bmp_header import bmp_facts, is_bmp
from faceswap_core.codecs.gif_blocks import gif_facts
from faceswap_core.codecs.header_facts import CorruptDataError, HeaderFacts, TruncatedDataError, UnsupportedVariantError
from faceswap_core.codecs.jpeg_segments import jpeg_facts
from faceswap_core.codecs.png_chunks import SIGNATURE as PNG_SIGNATURE
from faceswap_core.codecs.png_chunks import png_facts
from faceswap_core.codecs.tiff_directory import tiff_facts
from faceswap_core.codecs.webp_chunks import webp_facts
from faceswap_core.errors import (
    AnimatedImage,
    BadDimensions,
    CorruptImage,
    EmptyImage,
    NotAnImage,
    TooManyBytes,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
)
from faceswap_core.limits import Limits


class ImageFormat(str, Enum):
    """Supported input formats. JPEG includes the first image of an MPO (phones store a second one behind it)."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    TIFF = "tiff"
    BMP = "bmp"
    GIF = "gif"


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Header of an encoded image.

    width, height: pixels *after* EXIF orientation, so those of the decoded array.
    orientation: EXIF orientation 1 to 8 that decoding applies; 1 where there is none or it cannot be read.
    mode: colour layout as stored, by Pillow's names ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr").
    bit_depth: bits of one stored channel, of one index for "P".
    has_alpha: the header declares transparency.
    jpeg_subsampling: "444", "422", "420", "440", "411", "441", "gray" or "other"; None outside JPEG.
    """

    format: ImageFormat
    width: int
    height: int
    orientation: int
    mode: str
    bit_depth: int
    has_alpha: bool
    jpeg_subsampling: str | None


_READERS: dict[ImageFormat, Callable[[bytes], HeaderFacts]] = {
    ImageFormat.JPEG: jpeg_facts,
    ImageFormat.PNG: png_facts,
    ImageFormat.WEBP: webp_facts,
    ImageFormat.TIFF: tiff_facts,
    ImageFormat.BMP: bmp_facts,
    ImageFormat.GIF: gif_facts,
}
_SUPPORTED_TEXT = "JPEG, PNG, WebP, TIFF, BMP and GIF"
_OTHER_SIGNATURES = (
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\x01\0", "ICO"),
    (b"\0\0\x02\0", "CUR"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"%PDF-", "PDF"),
    (b"%!PS", "PostScript"),
    (b"<svg", "SVG"),
    *((b"P%d%c" % (kind, space), "PNM") for kind in range(1, 8) for space in b" \n\t\r"),
)
_HEIF_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "HEIF"
)


def inspect_image(data: bytes, name: str, limits: Limits) -> ImageHeader:
    """Reads and checks the header of an encoded image; no pixel is decoded.

    Args:
        data: the encoded image.
        name: of the image in error messages, for example "SOURCE_IMAGE[0]"; every message begins with it.

    Raises:
        EmptyImage, TooManyBytes, NotAnImage, UnsupportedFormat, TruncatedImage, CorruptImage, BadDimensions,
        TooManyPixels, AnimatedImage: in this order of checks; messages have the value and the limit.
    """
    if not data:
        raise EmptyImage(f"{name}: no bytes were sent")
    if len(data) > limits.max_image_bytes:
        raise TooManyBytes(f"{name}: {len(data)} bytes, the limit is {limits.max_image_bytes} bytes")
    kind = _recognise(data, name)
    try:
        facts = _READERS[kind](data)
    except TruncatedDataError as error:
        raise TruncatedImage(f"{name}: {error}") from None
    except CorruptDataError as error:
        raise CorruptImage(f"{name}: {error}") from None
    except UnsupportedVariantError as error:
        raise UnsupportedFormat(f"{name}: {error} is not supported") from None
    _check_size(facts, name, limits)
    if facts.animated:
        raise AnimatedImage(f"{name}: the {kind.name} file has more than 1 frame or page, the limit is 1")
    turned = facts.orientation >= 5
    return ImageHeader(
        format=kind,
        width=facts.height if turned else facts.width,
        height=facts.width if turned else facts.height,
        orientation=facts.orientation,
        mode=facts.mode,
        bit_depth=facts.bit_depth,
        has_alpha=facts.has_alpha,
        jpeg_subsampling=facts.subsampling,
    )


def _recognise(data: bytes, name: str) -> ImageFormat:
    """The format by signature; what the sender calls the file is ignored."""
    if data.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if data.startswith(PNG_SIGNATURE):
        return ImageFormat.PNG
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if data.startswith((b"GIF87a", b"GIF89a")):
        return ImageFormat.GIF
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return ImageFormat.TIFF
    if is_bmp(data):
        return ImageFormat.BMP
    other = _HEIF_BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None
    if other is None:
        other = next((text for signature, text in _OTHER_SIGNATURES if data.startswith(signature)), None)
    if other is not None:
        raise UnsupportedFormat(f"{name}: {other} is not supported, only {_SUPPORTED_TEXT}")
    raise NotAnImage(f"{name}: the {len(data)} bytes are not an image in a known format ({_SUPPORTED_TEXT})")


def _check_size(facts: HeaderFacts, name: str, limits: Limits) -> None:
    size = f"{facts.width} x {facts.height} pixels"
    if facts.width < 1 or facts.height < 1:
        raise BadDimensions(f"{name}: {size}, each side must be at least 1")
    if max(facts.width, facts.height) > limits.max_image_side:
        raise BadDimensions(f"{name}: {size}, the limit for a side is {limits.max_image_side}")
    pixels = facts.width * facts.height
    if pixels > limits.max_image_pixels:
        raise TooManyPixels(f"{name}: {size} are {pixels} pixels, the limit is {limits.max_image_pixels}")
