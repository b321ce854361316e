"""Photographs of the parity checks, made from two that come with installed packages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from faceswap_core.types import RgbImage
from PIL import Image

from faceswap_tools.photographs import astronaut, six_people


@dataclass(frozen=True, slots=True)
class ParityCase:
    """One target photograph. `inside` tells whether every face lies wholly in the frame, as `fast` is bound there."""

    name: str
    image: Callable[[], RgbImage]
    inside: bool = True


def _portrait() -> RgbImage:
    return np.asarray(Image.open(astronaut()).convert("RGB"))


def _group() -> RgbImage:
    return np.asarray(Image.open(six_people()).convert("RGB"))


def _over_edge() -> RgbImage:
    # the face's left third is cut off
    return np.ascontiguousarray(_portrait()[:400, 205:])


def _rolled() -> RgbImage:
    portrait = _portrait()
    turn = cv2.getRotationMatrix2D((224.0, 112.0), 30.0, 1.0)
    return np.asarray(cv2.warpAffine(portrait, turn, (512, 512), flags=cv2.INTER_CUBIC), dtype=np.uint8)


def _tiny() -> RgbImage:
    small = cv2.resize(_portrait(), (128, 128), interpolation=cv2.INTER_AREA)
    canvas = np.full((600, 800, 3), 96, dtype=np.uint8)
    canvas[200:328, 300:428] = small
    return canvas


def _filling() -> RgbImage:
    face = _portrait()[30:210, 135:315]  # any closer, and det_500m finds no face, here or in insightface
    return np.asarray(cv2.resize(face, (700, 700), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _four_k() -> RgbImage:
    return np.asarray(cv2.resize(_group(), (3840, 2658), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


CASES = (
    ParityCase("portrait", _portrait),
    ParityCase("group of six", _group),
    ParityCase("over the edge", _over_edge, inside=False),
    ParityCase("rolled 30 degrees", _rolled),
    ParityCase("tiny", _tiny),
    ParityCase("filling the frame", _filling, inside=False),
    ParityCase("4K", _four_k),
)
SHORT = CASES[:1]
"""What the test suite runs: one face, so that the half-gigabyte swapper with random weights runs a handful of times."""
