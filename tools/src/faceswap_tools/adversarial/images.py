"""Adversarial encoded images, deterministic, each with the outcomes that are allowed.

`FINE` means it decodes. Where damage by chance may or may not touch what a decoder notices, two are allowed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

FINE = "FINE"
LIMIT_BYTES = 1_500_000
LIMIT_PIXELS = 2_000_000
LIMIT_SIDE = 30_000
"""Limits that a reader of these images has to be given: `FACESWAP_MAX_IMAGE_BYTES`, `_PIXELS` and `_SIDE`."""

CUT = ("TRUNCATED_IMAGE",)
BROKEN = ("CORRUPT_IMAGE",)
OK = (FINE,)
DAMAGED = (FINE, "CORRUPT_IMAGE", "TRUNCATED_IMAGE")


@dataclass(frozen=True, slots=True)
class AdversarialImage:
    """Bytes and the codes they may end with."""

    name: str
    data: bytes
    outcomes: tuple[str, ...]


def photograph(height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    """Something with gradients, edges and noise, uint8 [H,W,3]."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), ((x // 16 + y // 16) % 2) * 200]
    noisy = np.stack(planes, axis=-1) + rng.integers(-6, 7, (height, width, 3))
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """An image encoded by Pillow."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@cache
def good_images() -> dict[str, bytes]:
    """One image of `photograph` in every format and variant, by name: what damage begins with."""
    image = Image.fromarray(photograph())
    transparent = image.copy()
    transparent.putalpha(Image.linear_gradient("L").resize(image.size))
    return {
        "jpeg": saved(image, "JPEG", quality=85),
        "progressive": saved(image, "JPEG", progressive=True),
        "cmyk": saved(image.convert("CMYK"), "JPEG"),
        "png": saved(image, "PNG"),
        "rgba": saved(transparent, "PNG"),
        "palette": saved(image.quantize(32), "PNG"),
        "grey16": cv2.imencode(".png", photograph()[..., 0].astype(np.uint16) * 257)[1].tobytes(),
        "webp": saved(image, "WEBP"),
        "webp_lossless": saved(transparent, "WEBP", lossless=True),
        "tiff": saved(image, "TIFF"),
        "tiff_lzw": saved(image, "TIFF", compression="tiff_lzw"),
        "bmp": saved(image, "BMP"),
        "gif": saved(image, "GIF"),
    }
