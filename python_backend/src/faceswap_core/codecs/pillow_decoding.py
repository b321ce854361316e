"""Decoding with Pillow: palettes, 16 bits, TIFF, BMP, GIF and all that has no faster decoder."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from faceswap_core.codecs.header import ImageFormat
from faceswap_core.codecs.header_facts import CorruptDataError, TruncatedDataError, UnsupportedVariantError
from faceswap_core.types import RgbImage

Plane = NDArray[np.uint8]
"""[height, width] uint8."""

_ROWS_AT_ONCE = 256
_GREY_16 = ("I;16", "I;16L", "I;16B", "I")


def open_quietly(data: bytes, kind: ImageFormat, largest: tuple[int, int]) -> Image.Image:
    """Opens and decodes an image whose header has been checked.

    Pillow's pixel limit is switched off, because the limit has been applied already, and so are Pillow's warnings: a
    fault of a caller's file belongs in the response, not in the server's log. Both hold for the process. `largest`
    (width, height) is the size in the header; any other is refused before pixels are decoded.

    Raises:
        TruncatedDataError, CorruptDataError, UnsupportedVariantError
    """
    Image.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        image = Image.open(io.BytesIO(data), formats=(kind.name,))
        if image.size != largest:
            raise CorruptDataError(f"the header promises {largest}, the decoder finds {image.size}")
        image.load()
    except CorruptDataError:
        raise
    except UnidentifiedImageError:
        raise UnsupportedVariantError(f"this variant of {kind.name}") from None
    except Exception as error:  # adversarial files make Pillow raise OSError, struct.error, IndexError and others
        if "truncated" in str(error):
            raise TruncatedDataError("the data ends before the pixels are complete") from None
        raise CorruptDataError("the pixels cannot be decoded") from None
    return image


def pillow_to_arrays(image: Image.Image, *, white_is_zero: bool = False) -> tuple[RgbImage, Plane | None]:
    """Converts a decoded image to RGB [H,W,3] and, where it is transparent somewhere, alpha [H,W].

    In strips, so that no second whole image exists. 16-bit grey becomes 8-bit by its high byte: exact for 8-bit
    data stored as v * 257 or v * 256, the same as cv2.imread, libpng's strip_16 and what Pillow itself does to
    16-bit RGB, and at most one level from rounding v / 257. (Pillow's own I;16 to L clips everything above 255.)

    Args:
        white_is_zero: the values of 16-bit grey are ink, not light.
    """
    width, height = image.size
    transparent = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    rgb = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if transparent else None
    for top in range(0, height, _ROWS_AT_ONCE):
        strip = image.crop((0, top, width, min(top + _ROWS_AT_ONCE, height)))
        rows = slice(top, top + strip.height)
        if image.mode in _GREY_16:
            values = np.asarray(strip)
            high = (values >> 8).astype(np.uint8)
            rgb[rows] = (255 - high if white_is_zero else high)[..., None]
            if alpha is not None:
                alpha[rows] = np.where(values == image.info["transparency"], 0, 255)
        elif alpha is not None:
            pixels = np.asarray(strip.convert("RGBA"))
            rgb[rows] = pixels[..., :3]
            alpha[rows] = pixels[..., 3]
        else:
            rgb[rows] = np.asarray(strip.convert("RGB"))
    return rgb, alpha


def pillow_grey(image: Image.Image) -> Plane:
    """The grey levels of an image of mode "L" or "LA", for conversion by its profile."""
    return np.array(image.getchannel(0))


def upright(pixels: Plane, orientation: int) -> Plane:
    """Applies EXIF orientation 1 to 8 (EXIF 2.32, tag 274) to [H,W] or [H,W,3]; 1 returns the same array."""
    if orientation == 1:
        return pixels
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)  # type: ignore[assignment]
    flips = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
    return cv2.flip(pixels, flips[orientation]) if orientation in flips else pixels  # type: ignore[return-value]
