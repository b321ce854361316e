"""Displayed colours of an image with an RGB profile: conversion to sRGB in every way in which viewers do it.

Viewers do not agree about a profile that holds several descriptions of its colours. Which tag counts is a choice of the
rendering intent and of the viewer: D2Bx (floating point, ICC.1:2022 section 9.2.24), A2Bx (tables, 9.2.1), or the
matrix and curves, which viewers without support for tables use.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from faceswap_core.types import RgbImage

_PERCEPTUAL, _COLORIMETRIC = 0, 1
_TABLES = (b"A2B0", b"A2B1", b"A2B2")
_FLOAT_TABLES = (b"D2B0", b"D2B1", b"D2B2", b"D2B3")
_CURVES = (b"rTRC", b"gTRC", b"bTRC", b"rXYZ", b"gXYZ", b"bXYZ")
_HEADER_BYTES, _TAG_BYTES = 128, 12
_INVISIBLE = 2
"""Levels by which a colour may move and still be called the same."""


class UnusableProfileError(ValueError):
    """The colour library cannot convert by this profile."""


class DisplayTransform:
    """Converts RGB pixels to the sRGB a viewer shows for them."""

    def __init__(self, profile: bytes, intent: int) -> None:
        try:
            self._transform: Any = ImageCms.buildTransform(
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                "RGB",
                "RGB",
                renderingIntent=ImageCms.Intent(intent),
            )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            raise UnusableProfileError("the colour profile cannot be used") from None

    def __call__(self, rgb: RgbImage) -> RgbImage:
        """A converted copy of uint8 [H, W, 3]; call it with strips of a large image."""
        height, width = rgb.shape[:2]
        image = Image.frombuffer("RGB", (width, height), np.ascontiguousarray(rgb).tobytes(), "raw", "RGB", 0, 1)
        try:
            converted = ImageCms.applyTransform(image, self._transform)
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is None:
            raise UnusableProfileError("the colour profile cannot be used")
        return np.asarray(converted, np.uint8)


def display_transforms(profile: bytes) -> list[DisplayTransform]:
    """One transform for each way of reading the profile; none for sRGB itself, under whatever name.

    Args:
        profile: an RGB profile.

    Raises:
        UnusableProfileError: the colour library cannot convert by it.
    """
    tags = _tags(profile)
    transforms = [DisplayTransform(described, intent) for described, intent in _readings(profile, tags)]
    if not transforms:
        raise UnusableProfileError("the colour profile describes no colours")
    if len(transforms) == 1 and tags.keys().isdisjoint((*_TABLES, *_FLOAT_TABLES)) and _shows_srgb(transforms[0]):
        return []
    return transforms


def _readings(profile: bytes, tags: dict[bytes, bytes]) -> Iterator[tuple[bytes, int]]:
    """(profile without the tags that a viewer ignores, intent), each that makes a difference once."""
    seen = set()
    for ignored in ((), _FLOAT_TABLES, (*_FLOAT_TABLES, *_TABLES)):
        for intent in (_PERCEPTUAL, _COLORIMETRIC):
            wanted = (b"D2B%d" % intent, b"A2B%d" % intent, b"A2B0")
            deciding = [tags[name] for name in wanted if name in tags and name not in ignored]
            if not deciding and not tags.keys() >= set(_CURVES):
                continue
            key = deciding[0] if deciding else b""
            if key not in seen:
                seen.add(key)
                yield _without(profile, ignored), intent


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Value of each tag by signature (ICC.1:2022 section 7.3)."""
    found: dict[bytes, bytes] = {}
    for at in _entries(profile):
        name, start, size = struct.unpack_from(">4sII", profile, at)
        found.setdefault(name, profile[start : start + size])
    return found


def _entries(profile: bytes) -> range:
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES) if len(profile) >= _HEADER_BYTES + 4 else (0,)
    first = _HEADER_BYTES + 4
    return range(first, min(first + count * _TAG_BYTES, len(profile) - _TAG_BYTES + 1), _TAG_BYTES)


def _without(profile: bytes, names: tuple[bytes, ...]) -> bytes:
    """A copy in which these tags have names that mean nothing; without tables its colours are XYZ, as curves want."""
    copy = bytearray(profile)
    if _TABLES[0] in names:
        copy[20:24] = b"XYZ "
    for number, at in enumerate(_entries(profile)):
        if copy[at : at + 4] in names:
            copy[at : at + 4] = b"z%03d" % (number % 1000)  # a name that is there twice makes a profile unusable
    return bytes(copy)


def _shows_srgb(transform: DisplayTransform) -> bool:
    """Whether a transform of matrix and curves alone moves no colour: each curve is asked for all its levels."""
    ramps = np.zeros((4, 256, 3), np.uint8)
    for channel in range(3):
        ramps[channel, :, channel] = ramps[3, :, channel] = np.arange(256)
    difference = np.abs(transform(ramps).astype(np.int16) - ramps)
    return bool(difference.max() <= _INVISIBLE)
