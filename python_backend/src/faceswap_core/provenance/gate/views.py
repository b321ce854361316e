"""Views of an image for the content gate: what people may see of it, through its colour profile and its transparency.

Stored pixels are one view only. A profile can swap channels, and an alpha channel can hide one layer and show another,
so that the image on a screen is not the one in the file; and both can be taken off a result later.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_core.codecs.compositing import BLACK, WHITE, Level, over_background
from faceswap_core.codecs.decoding import DecodedImage
from faceswap_core.codecs.displayed_colours import UnusableProfileError, display_transforms
from faceswap_core.types import RgbImage

MOST_VIEWS = 6
"""An RGB profile and an alpha channel: stored and converted colours, each opaque, over white and over black."""
_ROWS_AT_ONCE = 256

Convert = Callable[[RgbImage], RgbImage]


class TooManyViewsError(ValueError):
    """Viewers show this image in so many ways that it cannot be judged."""


def displayed_views(image: DecodedImage, side: int) -> list[RgbImage]:
    """Every view of an image: as stored first, then converted by its profile, then over white and over black.

    Args:
        image: with `alpha` and `kept.icc_profile` as decoded.
        side: of the network's input. Views that are computed are halved while they are four times as large, as
            `gate_pixels` does.

    Returns:
        uint8 [h, w, 3] RGB each, at most `MOST_VIEWS`; the stored pixels alone, not copied, where there is neither a
        profile other than sRGB's nor a transparent pixel.

    Raises:
        TooManyViewsError: tables and curves of the profile contradict each other, or it cannot be used.
    """
    alpha = None if image.alpha is None or cv2.minMaxLoc(image.alpha)[0] == 255 else image.alpha
    converts: list[Convert | None] = [None]
    if image.kept.icc_profile is not None:
        try:
            converts += display_transforms(image.kept.icc_profile)
        except UnusableProfileError as error:
            raise TooManyViewsError(str(error)) from None
    backgrounds: tuple[Level | None, ...] = (None,) if alpha is None else (None, WHITE, BLACK)
    wanted = list(product(backgrounds, converts))
    if len(wanted) > MOST_VIEWS:
        raise TooManyViewsError(f"{len(wanted)} views of one image")
    return [
        image.rgb
        if background is None and convert is None
        else _view(image.rgb, convert, None if background is None else alpha, background or BLACK, side)
        for background, convert in wanted
    ]


def _view(rgb: RgbImage, convert: Convert | None, alpha: NDArray[np.uint8] | None, level: Level, side: int) -> RgbImage:
    """One view, computed and shrunk in strips, so that no second whole image exists."""
    height, width = rgb.shape[:2]
    halvings = 0
    while min(height, width) >> halvings >= 4 * side:
        halvings += 1
    rows_at_once = max(_ROWS_AT_ONCE, 1 << halvings)
    strips = []
    for top in range(0, height, rows_at_once):
        rows = slice(top, top + rows_at_once)
        strip = rgb[rows] if convert is None else convert(rgb[rows])
        if alpha is not None:
            strip = over_background(strip, alpha[rows], level)
        for _ in range(halvings):
            half = (max(1, strip.shape[1] // 2), max(1, strip.shape[0] // 2))
            strip = np.asarray(cv2.resize(strip, half, interpolation=cv2.INTER_AREA), np.uint8)
        strips.append(strip)
    return np.concatenate(strips)
