"""Marks an encoded image as synthetic in its metadata, without touching its pixels.

The C2PA manifest covers these bytes too, so the mark is written before a signature, never after it.
"""

from __future__ import annotations

from typing import Literal

from faceswap_core.codecs.header_facts import CorruptDataError, TruncatedDataError
from faceswap_core.errors import CorruptImage
from faceswap_core.provenance.xmp.jpeg import jpeg_with_xmp
from faceswap_core.provenance.xmp.packet import SYNTHETIC_PACKET
from faceswap_core.provenance.xmp.png import png_with_xmp
from faceswap_core.provenance.xmp.webp import webp_with_xmp

MarkedFormat = Literal["jpeg", "png", "webp"]

_WRITERS = {"jpeg": jpeg_with_xmp, "png": png_with_xmp, "webp": webp_with_xmp}


def mark_as_synthetic(encoded: bytes, format: MarkedFormat) -> bytes:
    """A copy of the image whose XMP says `DigitalSourceType` = `compositeWithTrainedAlgorithmicMedia` and no more.

    Args:
        encoded: the image; its compressed pixels are copied as they are. XMP that it has is left out.
        format: what `encoded` is.

    Returns:
        About 500 bytes more than `encoded` without its XMP.

    Raises:
        CorruptImage: `encoded` is not such an image.
        ValueError: `format` is not one of the three.
    """
    if format not in _WRITERS:
        raise ValueError(f"format is 'jpeg', 'png' or 'webp', got {format!r}")
    try:
        return _WRITERS[format](encoded, SYNTHETIC_PACKET)
    except (CorruptDataError, TruncatedDataError) as error:
        raise CorruptImage(f"no mark can be put into this {format}: {error}") from None
