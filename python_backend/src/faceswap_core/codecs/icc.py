"""ICC profiles: validation, and conversion of CMYK and grey images to sRGB by their own profile.

Profile header: ICC.1:2022 section 7.2.
"""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from faceswap_core.codecs.header import ImageFormat
from faceswap_core.codecs.jpeg_segments import jpeg_icc_profile
from faceswap_core.codecs.png_chunks import png_icc_profile
from faceswap_core.codecs.tiff_directory import tiff_icc_profile
from faceswap_core.codecs.webp_chunks import webp_icc_profile
from faceswap_core.types import RgbImage

MAX_ICC_BYTES = 4 * 2**20
"""Longer profiles are dropped; printers' profiles reach about 3 MB, displays' a few kB."""
_HEADER_BYTES = 128
_COLOUR_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_ROWS_AT_ONCE = 256


def read_icc_profile(data: bytes, kind: ImageFormat) -> bytes | None:
    """The embedded profile, bit for bit; None when there is none or it is damaged or over `MAX_ICC_BYTES`."""
    profile: bytes | None = None
    if kind is ImageFormat.JPEG:
        profile = jpeg_icc_profile(data)
    elif kind is ImageFormat.PNG:
        profile = png_icc_profile(data, MAX_ICC_BYTES)
    elif kind is ImageFormat.WEBP:
        profile = webp_icc_profile(data)
    elif kind is ImageFormat.TIFF:
        profile = tiff_icc_profile(data)
    return profile if profile is not None and profile_space(profile) is not None else None


def profile_space(profile: bytes) -> str | None:
    """The Pillow mode a profile is for ("RGB", "L", "CMYK"); None for a damaged profile or another space.

    A damaged profile is dropped: viewers ignore it, and the result should not contain it.
    """
    if not _HEADER_BYTES < len(profile) <= MAX_ICC_BYTES or profile[36:40] != b"acsp":
        return None
    if int.from_bytes(profile[:4], "big") > len(profile) or _holds_xmp(profile):
        return None
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ValueError, TypeError):
        return None
    return _COLOUR_SPACES.get(profile[16:20])


def _holds_xmp(profile: bytes) -> bool:
    """Whether a reader that searches a file for XMP packets would find one inside the profile, in UTF-8, 16 or 32."""
    text = profile.replace(b"\0", b"")
    return any(sign in text for sign in (b"<?xpacket", b"adobe:ns:meta/", b"22-rdf-syntax-ns#"))


def convert_to_srgb(pixels: RgbImage, mode: Literal["L", "CMYK"], profile: bytes) -> RgbImage | None:
    """Converts grey [H,W] or CMYK [H,W,4] uint8 (0 is no ink) to sRGB [H,W,3] by its own profile.

    None when the colour library cannot use the profile; the caller then converts without it.
    """
    height, width = pixels.shape[:2]
    rgb = np.empty((height, width, 3), np.uint8)
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), mode, "RGB"
        )
        for top in range(0, height, _ROWS_AT_ONCE):
            strip = np.ascontiguousarray(pixels[top : top + _ROWS_AT_ONCE])
            image = Image.frombuffer(mode, (width, len(strip)), strip.tobytes(), "raw", mode, 0, 1)
            converted = ImageCms.applyTransform(image, transform)
            if converted is None:
                return None
            rgb[top : top + len(strip)] = np.asarray(converted)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return rgb
