"""Encodes a result as JPEG, PNG or WebP, with the metadata that it takes over from its target.

Kept: size (already upright), ICC profile bit for bit, resolution (JPEG, PNG), alpha (PNG, WebP), 4:4:4 chroma of a
JPEG target. Dropped: EXIF, XMP, comments and text, which may hold a GPS position, a name or a serial number; the
orientation has been applied to the pixels.

The settings of each encoder are explained in docs/adr/0024-codecs.md.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from faceswap_core.codecs.compositing import over_background
from faceswap_core.codecs.decoding import KeptMetadata
from faceswap_core.codecs.header import ImageFormat, ImageHeader
from faceswap_core.codecs.jpeg_segments import icc_segments, insert_segments, with_density
from faceswap_core.codecs.pillow_decoding import Plane
from faceswap_core.codecs.png_chunks import density_chunk, icc_chunk, insert_chunks
from faceswap_core.errors import InternalError, InvalidOption
from faceswap_core.options import OutputFormat
from faceswap_core.types import RgbImage

_WEBP_METHOD = 2
_LONGEST_SIDE = {ImageFormat.JPEG: 65500, ImageFormat.PNG: 2**31 - 1, ImageFormat.WEBP: 16383}


def output_format(header: ImageHeader, wanted: OutputFormat) -> ImageFormat:
    """The format a result is written in: the wanted one; for `same` the target's own, PNG for TIFF, BMP and GIF.

    Raises:
        InvalidOption: the target is too large for the wanted format (WebP ends at 16383 pixels a side).
    """
    if wanted is OutputFormat.SAME:
        writable = header.format in _LONGEST_SIDE
        return header.format if writable else ImageFormat.PNG
    chosen = ImageFormat(wanted.value)
    longest = _LONGEST_SIDE[chosen]
    if max(header.width, header.height) > longest:
        raise InvalidOption(
            f"output_format={wanted.value!r} is not allowed: {chosen.name} holds sides up to {longest} pixels, "
            f"the target is {header.width} x {header.height}"
        )
    return chosen


def encode_image(
    rgb: RgbImage,
    alpha: Plane | None,
    *,
    target: ImageHeader,
    kept: KeptMetadata,
    format: ImageFormat,
    quality: int,
) -> bytes:
    """Encodes an upright image.

    Args:
        rgb: uint8 [H,W,3], C-contiguous, in the colours of `kept.icc_profile`.
        alpha: uint8 [H,W], not premultiplied, or None. JPEG has no alpha: the image is then composited
            over white, in its own encoded values.
        target: header of the image the result replaces; decides JPEG's chroma subsampling: 4:4:4 where the
            target is a JPEG with 4:4:4 (RGB and CMYK count), else 4:2:0.
        kept: what decoding the target gave.
        format: JPEG, PNG or WEBP; see `output_format`.
        quality: 1 to 100, for JPEG and WebP.

    Raises:
        InternalError: an encoder failed, or the format is not one we write.
    """
    if format is ImageFormat.JPEG:
        return _encode_jpeg(rgb if alpha is None else over_background(rgb, alpha), target, kept, quality)
    if format is ImageFormat.PNG:
        return _encode_png(rgb, alpha, kept)
    if format is ImageFormat.WEBP:
        return _encode_webp(rgb, alpha, kept, quality)
    raise InternalError(f"{format.name} is not written")


def _encode_jpeg(rgb: RgbImage, target: ImageHeader, kept: KeptMetadata, quality: int) -> bytes:
    subsampling = "444" if target.jpeg_subsampling == "444" else "420"
    try:
        jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality, "RGB", subsampling)
    except ValueError as error:
        raise InternalError(f"the JPEG encoder failed: {error}") from None
    if kept.pixels_per_metre is not None:
        jpeg = with_density(jpeg, kept.pixels_per_metre)
    return insert_segments(jpeg, icc_segments(kept.icc_profile)) if kept.icc_profile else jpeg


def _encode_png(rgb: RgbImage, alpha: Plane | None, kept: KeptMetadata) -> bytes:
    if alpha is None:
        pixels = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    else:
        red, green, blue = cv2.split(rgb)
        pixels = cv2.merge([blue, green, red, alpha])
    written, encoded = cv2.imencode(".png", pixels)
    if not written:
        raise InternalError("the PNG encoder failed")
    chunks = []
    if kept.icc_profile:
        chunks.append(icc_chunk(kept.icc_profile))
    if kept.pixels_per_metre is not None:
        chunks.append(density_chunk(kept.pixels_per_metre))
    png = encoded.tobytes()
    return insert_chunks(png, chunks) if chunks else png


def _encode_webp(rgb: RgbImage, alpha: Plane | None, kept: KeptMetadata, quality: int) -> bytes:
    pixels = rgb if alpha is None else np.dstack((rgb, alpha))
    out = io.BytesIO()
    # exact: colours under full transparency stay the target's own
    Image.fromarray(pixels).save(
        out, "WEBP", quality=quality, method=_WEBP_METHOD, icc_profile=kept.icc_profile or b"", exact=True
    )
    return out.getvalue()
