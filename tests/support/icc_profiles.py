"""ICC profiles written by hand, also ones that no program would make (ICC.1:2022 and, for tables, version 2.4)."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

XYZ = tuple[float, float, float]
RED, GREEN, BLUE = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)
"""sRGB's primaries, adapted to D50."""
Curve = Callable[[float], float]
GREY = "Lab of a mid grey", (54.0, 0.0, 0.0)


def srgb_curve(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def matrix_profile(
    curves: Sequence[Curve] = (srgb_curve,) * 3,
    primaries: Sequence[XYZ] = (RED, GREEN, BLUE),
    tables: dict[bytes, tuple[float, float, float]] | None = None,
) -> bytes:
    """An RGB profile of curves (0 to 1 in 256 steps) and primaries.

    Args:
        tables: tag (A2B0, A2B1) to a colour in Lab that this table gives every pixel.
    """
    points = np.linspace(0, 1, 256)
    tags = {b"wtpt": _xyz((0.9642, 1.0, 0.8249)), b"cprt": b"text\0\0\0\0none\0", b"desc": _description("test")}
    for name, curve, primary in zip((b"r", b"g", b"b"), curves, primaries, strict=True):
        levels = [round(min(max(curve(float(x)), 0.0), 1.0) * 65535) for x in points]
        tags[name + b"TRC"] = b"curv\0\0\0\0" + struct.pack(">I256H", 256, *levels)
        tags[name + b"XYZ"] = _xyz(primary)
    for name, lab in (tables or {}).items():
        tags[name] = _constant_table(lab)
    return _assembled(tags, b"Lab " if tables else b"XYZ ")


def swapping_profile() -> bytes:
    """Green is shown as blue and blue as green."""
    return matrix_profile(primaries=(RED, BLUE, GREEN))


def _assembled(tags: dict[bytes, bytes], space: bytes) -> bytes:
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        padded = value + b"\0" * (-len(value) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += padded
    size = at + len(body)
    illuminant = struct.pack(">iii", *(round(part * 65536) for part in (0.9642, 1.0, 0.8249)))
    header = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, b"mntr", b"RGB ", space)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + illuminant
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: XYZ) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(part * 65536) for part in values))


def _description(text: str) -> bytes:
    encoded = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(encoded)) + encoded + b"\0" * 78


def _constant_table(lab: tuple[float, float, float]) -> bytes:
    """lut8Type with a grid of two points a side, all of one colour."""
    colour = bytes((round(lab[0] * 2.55), round(lab[1] + 128), round(lab[2] + 128)))
    unit = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    return b"mft1\0\0\0\0" + bytes((3, 3, 2, 0)) + unit + bytes(range(256)) * 3 + colour * 8 + bytes(range(256)) * 3


def displayed(encoded: bytes, level: int = 255) -> NDArray[np.uint8]:
    """uint8 [H, W, 3]: an encoded image as a viewer shows it, by its profile, over a background of `level`."""
    with Image.open(io.BytesIO(encoded)) as image:
        profile, alpha = image.info.get("icc_profile"), image.convert("RGBA").getchannel("A")
        shown: Image.Image | None = image.convert("RGB")
    if profile:
        target = ImageCms.createProfile("sRGB")
        shown = ImageCms.profileToProfile(shown, io.BytesIO(profile), target)  # type: ignore[arg-type]
    assert shown is not None
    background = Image.new("RGB", shown.size, (level,) * 3)
    return np.asarray(Image.composite(shown, background, alpha))
