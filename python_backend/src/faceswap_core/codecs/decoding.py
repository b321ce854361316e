"""Decodes an inspected image to upright 8-bit RGB, with its alpha channel, ICC profile and resolution.

JPEG goes through libjpeg-turbo straight to RGB (simplejpeg), 8-bit PNG and WebP through OpenCV, the rest through
Pillow: docs/adr/0024-codecs.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg

from faceswap_core.codecs.header import ImageFormat, ImageHeader
from faceswap_core.codecs.header_facts import CorruptDataError, TruncatedDataError, UnsupportedVariantError
from faceswap_core.codecs.icc import convert_to_srgb, profile_space, read_icc_profile
from faceswap_core.codecs.jpeg_segments import jpeg_density, jpeg_has_end, jpeg_scans, without_icc_segments
from faceswap_core.codecs.pillow_decoding import Plane, open_quietly, pillow_grey, pillow_to_arrays, upright
from faceswap_core.codecs.png_chunks import png_density, png_for_pixels
from faceswap_core.codecs.tiff_directory import tiff_for_pixels, tiff_values_end, tiff_white_is_zero
from faceswap_core.codecs.webp_chunks import webp_bytes_missing, webp_is_complete
from faceswap_core.errors import CorruptImage, TruncatedImage, UnsupportedFormat
from faceswap_core.types import RgbImage

MAX_JPEG_SCANS = 50
"""Progressive JPEGs have about 10; each scan costs a pass over all coefficients, so thousands are an attack."""
# Written by the encoders of some phones. libjpeg reports only its last warning, and this one comes before any pixel,
# so no later warning is hidden by it.
_HARMLESS = "Invalid SOS parameters for sequential JPEG"


@dataclass(frozen=True, slots=True)
class KeptMetadata:
    """Metadata that a result takes over from its target. EXIF (with its GPS position), XMP and text are not kept.

    icc_profile: an RGB profile, bit for bit, for the decoded colours; None where there is none (sRGB is meant),
        where it was damaged, and where CMYK or grey was converted to sRGB by it.
    pixels_per_metre: resolution (x, y) of the upright image, from JPEG and PNG.
    """

    icc_profile: bytes | None = None
    pixels_per_metre: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An upright image.

    rgb: uint8 [H,W,3], C-contiguous, writable, in the colour space of `kept.icc_profile`.
    alpha: uint8 [H,W], 255 is opaque, not premultiplied; None where the image has no transparency.
    """

    rgb: RgbImage
    alpha: Plane | None
    kept: KeptMetadata


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What was read beside the pixels.

    embedded_profile: the ICC profile as stored, RGB, grey or CMYK; decoding converts by the latter two.
    kept: what the result takes over.
    may_have_alpha: decoding may find an alpha channel; never False for an image that has one.
    """

    embedded_profile: bytes | None
    kept: KeptMetadata
    may_have_alpha: bool


def read_metadata(data: bytes, header: ImageHeader, name: str) -> ImageMetadata:
    """Reads ICC profile and resolution of an image that `inspect_image` has accepted; no pixel is decoded.

    Raises:
        TruncatedImage, CorruptImage: the chunks or tags they are stored in cannot be read.
    """
    with _image_errors(name):
        density, profile = _density(data, header), read_icc_profile(data, header.format)
        is_rgb = profile is not None and profile_space(profile) == "RGB"
        kept = KeptMetadata(profile if is_rgb else None, density)
    # Pillow reads a TIFF of four samples as RGBA even where the file does not say what the fourth one is
    return ImageMetadata(profile, kept, header.has_alpha or header.format is ImageFormat.TIFF)


def decode_image(
    data: bytes, header: ImageHeader, name: str, out: RgbImage | None = None, metadata: ImageMetadata | None = None
) -> DecodedImage:
    """Decodes an image that `inspect_image` has accepted, and applies its EXIF orientation.

    Args:
        header: of exactly these bytes.
        name: of the image in error messages, for example "TARGET_IMAGE"; they begin with it.
        out: uint8 [H, W, 3] of the header's size, C-contiguous; the result's `rgb` is this array then. An upright
            JPEG is decoded straight into it.
        metadata: of these bytes, where `read_metadata` has been called before.

    Raises:
        TruncatedImage: the data ends before the last pixel.
        CorruptImage: the pixels cannot be decoded, or only with damage.
        UnsupportedFormat: a rare variant of a supported format.
    """
    metadata = metadata or read_metadata(data, header, name)
    with _image_errors(name):
        into = out if header.orientation == 1 else None
        rgb, alpha = _DECODERS[header.format](data, header, metadata.embedded_profile, into)
    rgb = upright(rgb, header.orientation)
    alpha = upright(alpha, header.orientation) if alpha is not None else None
    if rgb.shape != (header.height, header.width, 3):
        raise CorruptImage(f"{name}: {rgb.shape[1]} x {rgb.shape[0]} pixels, the header says otherwise")
    if out is not None and not np.may_share_memory(rgb, out):
        np.copyto(out, rgb)
        rgb = out
    return DecodedImage(np.require(rgb, requirements=("C", "W")), alpha, metadata.kept)


@contextmanager
def _image_errors(name: str) -> Iterator[None]:
    """Turns what the readers of formats raise into errors that a caller gets."""
    try:
        yield
    except TruncatedDataError as error:
        raise TruncatedImage(f"{name}: {error}") from None
    except CorruptDataError as error:
        raise CorruptImage(f"{name}: {error}") from None
    except UnsupportedVariantError as error:
        raise UnsupportedFormat(f"{name}: {error} is not supported") from None


_Decoded = tuple[RgbImage, Plane | None]  # as stored, before orientation


def _density(data: bytes, header: ImageHeader) -> tuple[int, int] | None:
    found = None
    if header.format is ImageFormat.JPEG:
        found = jpeg_density(data)
    elif header.format is ImageFormat.PNG:
        found = png_density(data)
    return (found[1], found[0]) if found and header.orientation >= 5 else found


def _decode_jpeg(data: bytes, header: ImageHeader, profile: bytes | None, out: RgbImage | None) -> _Decoded:
    if jpeg_scans(data, MAX_JPEG_SCANS) > MAX_JPEG_SCANS:
        raise CorruptDataError(f"more than {MAX_JPEG_SCANS} JPEG scans")
    if header.mode == "CMYK":
        # stored inverted, as Adobe does; Pillow and OpenCV take that for granted too
        light = _turbo_jpeg(data, "CMYK")
        if profile is not None and profile_space(profile) == "CMYK":
            rgb = convert_to_srgb(np.bitwise_not(light), "CMYK", profile)
            if rgb is not None:
                return rgb, None
        return _light_times_black(light), None
    if header.mode == "L" and profile is not None and profile_space(profile) == "L":
        rgb = convert_to_srgb(_turbo_jpeg(data, "GRAY")[..., 0], "L", profile)
        if rgb is not None:
            return rgb, None
    return _turbo_jpeg(data, "RGB", out), None


def _turbo_jpeg(data: bytes, colours: str, out: RgbImage | None = None) -> RgbImage:
    """Decodes with libjpeg-turbo, into `out` where it is large enough, and takes warnings about pixels for errors."""
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, colours, buffer=out), np.uint8)
    except ValueError as error:
        complaint = str(error)
    try:
        if "bad ICC marker" in complaint:
            return np.asarray(simplejpeg.decode_jpeg(without_icc_segments(data), colours), np.uint8)
        if _HARMLESS in complaint:
            return np.asarray(simplejpeg.decode_jpeg(data, colours, strict=False), np.uint8)
    except ValueError as error:
        complaint = str(error)
    if "Premature end of JPEG file" in complaint or not jpeg_has_end(data):
        raise TruncatedDataError("the data ends before the pixels are complete")
    raise CorruptDataError("the pixels cannot be decoded without damage")


def _light_times_black(light: RgbImage) -> RgbImage:
    """Inverted CMYK [H,W,4] to RGB without a profile: each colour's light times black's."""
    black = np.ascontiguousarray(light[..., 3])
    return np.asarray(
        cv2.merge([cv2.multiply(cv2.extractChannel(light, i), black, scale=1 / 255) for i in range(3)]), np.uint8
    )


def _decode_png(data: bytes, header: ImageHeader, profile: bytes | None, out: RgbImage | None) -> _Decoded:
    bare = png_for_pixels(data)
    grey_profile = header.mode in ("1", "L", "LA") and profile is not None and profile_space(profile) == "L"
    colour_key = header.has_alpha and header.mode not in ("LA", "RGBA")
    if header.mode == "P" or header.bit_depth != 8 or colour_key or grey_profile or header.mode == "LA":
        return _with_pillow(bare, header, profile)
    return _with_opencv(bare, alpha=header.has_alpha)


def _decode_webp(data: bytes, header: ImageHeader, profile: bytes | None, out: RgbImage | None) -> _Decoded:
    if not webp_is_complete(data):
        raise TruncatedDataError(f"the {len(data)} bytes are fewer than the WebP header promises")
    try:
        return _with_opencv(data, alpha=header.has_alpha)
    except CorruptDataError:
        missing = webp_bytes_missing(data)
        if missing > 0:
            raise TruncatedDataError(f"the {len(data)} bytes are {missing} fewer than the WebP header says") from None
        raise


def _with_opencv(data: bytes, *, alpha: bool) -> _Decoded:
    encoded = np.frombuffer(data, np.uint8)
    flags = cv2.IMREAD_UNCHANGED if alpha else cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(encoded, flags)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise CorruptDataError("the pixels cannot be decoded")
    if not alpha:
        return np.asarray(pixels, np.uint8), None
    if pixels.shape[2] != 4:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8), None
    rgb = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB), np.uint8)
    return rgb, np.asarray(cv2.extractChannel(pixels, 3), np.uint8)


def _with_pillow(data: bytes, header: ImageHeader, profile: bytes | None, *, white_is_zero: bool = False) -> _Decoded:
    turned = header.orientation >= 5
    stored = (header.height, header.width) if turned else (header.width, header.height)
    image = open_quietly(data, header.format, stored)
    if image.mode in ("F", "LAB"):
        raise UnsupportedVariantError(f"{header.format.name} of mode {image.mode}")
    key = image.info.get("transparency")
    if header.bit_depth == 16 and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)  # Pillow's pixels are the high bytes
    try:
        rgb, alpha = pillow_to_arrays(image, white_is_zero=white_is_zero)
    except (ValueError, OSError, KeyError, TypeError, IndexError):
        raise CorruptDataError("the pixels cannot be converted to RGB") from None
    space = profile_space(profile) if profile is not None else None
    converted = None
    if profile is not None and space == "CMYK" and image.mode == "CMYK":
        converted = convert_to_srgb(np.asarray(image), "CMYK", profile)
    elif profile is not None and space == "L" and image.mode in ("L", "LA"):
        converted = convert_to_srgb(pillow_grey(image), "L", profile)
    elif profile is not None and space == "L" and header.mode == "L":
        converted = convert_to_srgb(np.ascontiguousarray(rgb[..., 0]), "L", profile)
    return rgb if converted is None else converted, alpha


def _decode_tiff(data: bytes, header: ImageHeader, profile: bytes | None, out: RgbImage | None) -> _Decoded:
    try:
        return _with_pillow(tiff_for_pixels(data), header, profile, white_is_zero=tiff_white_is_zero(data))
    except (CorruptDataError, UnsupportedVariantError):
        end = tiff_values_end(data)
        if end > len(data):
            raise TruncatedDataError(f"values are promised up to byte {end}, there are {len(data)} bytes") from None
        raise


def _decode_other(data: bytes, header: ImageHeader, profile: bytes | None, out: RgbImage | None) -> _Decoded:
    return _with_pillow(data, header, profile)


_DECODERS: dict[ImageFormat, Callable[[bytes, ImageHeader, bytes | None, RgbImage | None], _Decoded]] = {
    ImageFormat.JPEG: _decode_jpeg,
    ImageFormat.PNG: _decode_png,
    ImageFormat.WEBP: _decode_webp,
    ImageFormat.TIFF: _decode_tiff,
    ImageFormat.BMP: _decode_other,
    ImageFormat.GIF: _decode_other,
}
