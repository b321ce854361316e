"""Seed corpus: small valid inputs of every kind."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms


def images() -> dict[str, bytes]:
    """A 24x16 image in every format and variant that has a separate reader, by name; 70 to 1500 bytes each."""
    y, x = np.mgrid[0:16, 0:24]
    rgb = Image.fromarray(np.stack([x * 10, y * 15, (x // 4 + y // 4) % 2 * 200], axis=-1).astype(np.uint8))
    alpha = rgb.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(rgb.size))
    grey = rgb.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "jpeg": _saved(rgb, "JPEG", quality=60),
        "jpeg progressive": _saved(rgb, "JPEG", quality=60, progressive=True, exif=exif),
        "jpeg grey": _saved(grey, "JPEG", dpi=(72, 72)),
        "jpeg cmyk": _saved(rgb.convert("CMYK"), "JPEG", quality=60),
        "jpeg profile": _saved(rgb, "JPEG", quality=60, icc_profile=profile),
        "jpeg two": _saved(rgb, "MPO", save_all=True, append_images=[rgb]),
        "png": _saved(rgb, "PNG", dpi=(72, 72)),
        "png alpha": _saved(alpha, "PNG", exif=exif),
        "png palette": _saved(rgb.quantize(8), "PNG", transparency=0),
        "png deep": _saved(deep, "PNG"),
        "png profile": _saved(rgb, "PNG", icc_profile=profile),
        "png animated": _saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(90)]),
        "webp": _saved(rgb, "WEBP", quality=50),
        "webp lossless": _saved(alpha, "WEBP", lossless=True, exif=exif),
        "webp animated": _saved(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(90)]),
        "tiff": _saved(rgb, "TIFF"),
        "tiff lzw": _saved(rgb, "TIFF", compression="tiff_lzw"),
        "tiff grey": _saved(grey.convert("1"), "TIFF", compression="group4"),
        "tiff pages": _saved(grey, "TIFF", save_all=True, append_images=[grey]),
        "bmp": _saved(rgb.resize((6, 5)), "BMP"),
        "bmp palette": _saved(rgb.quantize(4), "BMP"),
        "gif": _saved(rgb.quantize(8), "GIF", transparency=1),
        "gif animated": _saved(rgb.quantize(8), "GIF", save_all=True, append_images=[rgb.rotate(90).quantize(8)]),
        "heif": b"\0\0\0\x18ftypheic" + bytes(12),
    }


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


OPTION_SEEDS = {
    "good": b"\0\x05large\x01\x030,2",
    "numbers": bytes(range(40)),
    "unknown": b"\x0f\x09no_option\x02\xff\xff\xff\xff\xff\xff\xff\xff",
}
"""Bytes that `targets.parsing_options` turns into parameters."""

HEAD_SEEDS = {
    "nothing": b"",
    "one face": b"\x80\x80\0" + np.array([0.9, 1, 2, 3, 4, -1, 1, 0.5], "<f4").tobytes(),
    "not numbers": b"\x40\xff\0" + np.array([np.nan, np.inf, -np.inf, 1e38, -1e-45], "<f4").tobytes(),
}
"""Bytes that `targets.decoding_faces` turns into a detector's outputs."""
