"""Marks an encoded image as synthetic in its metadata, without touching its pixels.

The C2PA manifest covers these bytes too, so the mark is written before a signature, never after it.
"""

from __future__ import annotations

from typing import Literal

from faceswap_core.codecs.header_facts import CorruptDataError, TruncatedDataError
from faceswap_core.codecs.png_chunks import SIGNATURE
from faceswap_core.errors import CorruptImage
from faceswap_core.provenance.xmp.jpeg import SOI, jpeg_with_xmp, jpeg_xmp
from faceswap_core.provenance.xmp.packet import synthetic_packet
from faceswap_core.provenance.xmp.png import png_with_xmp, png_xmp
from faceswap_core.provenance.xmp.webp import is_webp, webp_with_xmp, webp_xmp

MarkedFormat = Literal["jpeg", "png", "webp"]

_WRITERS = {"jpeg": jpeg_with_xmp, "png": png_with_xmp, "webp": webp_with_xmp}


def mark_as_synthetic(encoded: bytes, format: MarkedFormat, existing_xmp: bytes | None = None) -> bytes:
    """A copy of the image whose XMP says `DigitalSourceType` = `compositeWithTrainedAlgorithmicMedia`.

    Args:
        encoded: the image; its compressed pixels are copied as they are.
        format: what `encoded` is.
        existing_xmp: the target's packet, kept and extended; broken or oversized ones are replaced.
            None extends the packet that `encoded` itself has, if any.

    Returns:
        About 500 bytes more than `encoded`, and what `existing_xmp` holds. In JPEG, where a packet has to fit
        one segment of 64 kB, a longer existing packet is replaced.

    Raises:
        CorruptImage: `encoded` is not such an image.
        ValueError: `format` is none of the three.
    """
    if format not in _WRITERS:
        raise ValueError(f"format is 'jpeg', 'png' or 'webp', got {format!r}")

    def extend(own: bytes | None) -> bytes:
        return synthetic_packet(own if existing_xmp is None else existing_xmp)

    try:
        return _WRITERS[format](encoded, extend)
    except (CorruptDataError, TruncatedDataError) as error:
        raise CorruptImage(f"no mark can be put into this {format}: {error}") from None


def read_xmp(encoded: bytes) -> bytes | None:
    """The XMP packet of a JPEG, PNG or WebP, or None: no packet, another format, or not readable."""
    try:
        if encoded.startswith(SOI):
            return jpeg_xmp(encoded)
        if encoded.startswith(SIGNATURE):
            return png_xmp(encoded)
        if is_webp(encoded):
            return webp_xmp(encoded)
    except (CorruptDataError, TruncatedDataError):
        pass  # a target whose metadata cannot be read is marked like one that has none
    return None
