"""Visible label ("AI") in a corner of an image.

Light text with a dark outline on a dark box with a light rim: on any image one of the two contrasts is visible.
Text height follows GB 45438-2025, which asks for at least 5 % of the shorter side. The contrast is that of sRGB;
`label_shows` says whether a colour profile leaves it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from faceswap_core.codecs.displayed_colours import DisplayTransform

Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]

MIN_TEXT_HEIGHT = 7
"""Pixels: the built-in font cannot be read below this."""

_BOX = (16, 16, 16)
_TEXT = (255, 255, 255)
_OUTLINE = (0, 0, 0)
_RIM = (235, 235, 235)

LEAST_CONTRAST = 4.5
"""Of text against its box, as displayed: WCAG 2.2, success criterion 1.4.3."""
_DARK, _LIGHT = slice(0, 33), slice(224, 256)  # greys of the box and of the text, softened edges included


class LabelBox(NamedTuple):
    """Where the label is, in pixels of the image; bottom and right are one past it."""

    top: int
    left: int
    bottom: int
    right: int


def draw_label(
    image: npt.NDArray[np.uint8], text: str = "AI", corner: Corner = "top-right", share: float = 0.05
) -> LabelBox:
    """Draws the label in place; pixels outside its box are not touched.

    Args:
        image: uint8 [height, width, 3], RGB, writable.
        text: 1 to 32 ASCII characters on one line (the built-in font has no others).
        corner: one margin away from both edges.
        share: height of the capitals as a share of the shorter side, 0.01 to 0.25. They are at least
            `MIN_TEXT_HEIGHT` pixels high, and smaller only where the image has no room: the box never leaves it.

    Returns:
        The box it takes.

    Raises:
        ValueError: the image is not such an array, or an argument is out of range.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image is uint8 [height, width, 3], got {image.dtype} {list(image.shape)}")
    if corner not in get_args(Corner):
        raise ValueError(f"corner is one of {', '.join(get_args(Corner))}, got {corner!r}")
    if not 0.01 <= share <= 0.25:
        raise ValueError(f"share is a number from 0.01 to 0.25, got {share}")
    if not 1 <= len(text) <= 32 or not (text.isascii() and text.isprintable()):
        raise ValueError("text is 1 to 32 printable ASCII characters")
    height, width = image.shape[:2]
    label = _fitting_label(text, max(MIN_TEXT_HEIGHT, round(share * min(height, width))), height, width)
    label_height, label_width = label.shape[:2]
    margin = min(label_height // 4, height - label_height, width - label_width)
    top = margin if corner.startswith("top") else height - margin - label_height
    left = margin if corner.endswith("left") else width - margin - label_width
    box = LabelBox(top, left, top + label_height, left + label_width)
    image[box.top : box.bottom, box.left : box.right] = label
    return box


def label_shows(transform: DisplayTransform) -> bool:
    """Whether the label keeps `LEAST_CONTRAST` on a screen that converts the image's colours by `transform`."""
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    luminance = _luminance(transform(greys))[0]
    return bool((luminance[_LIGHT].min() + 0.05) / (luminance[_DARK].max() + 0.05) >= LEAST_CONTRAST)


def _luminance(srgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Relative luminance, 0 to 1 (WCAG 2.2), of sRGB [..., 3]."""
    values = srgb / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array((0.2126, 0.7152, 0.0722)), np.float64)


def _fitting_label(text: str, text_height: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    label = _label(text, text_height)
    scale = min(height / label.shape[0], width / label.shape[1])
    if scale >= 1:
        return label
    smaller = Image.fromarray(label).resize(
        (max(1, int(label.shape[1] * scale)), max(1, int(label.shape[0] * scale))), Image.Resampling.BOX
    )
    return np.asarray(smaller)


@lru_cache(maxsize=32)
def _label(text: str, text_height: int) -> npt.NDArray[np.uint8]:
    """uint8 [h, w, 3]; cached, because a stream of images has one size."""
    font = _font(text_height)
    outline = max(1, text_height // 12) if text_height >= 12 else 0
    padding = max(2, round(text_height * 0.35))
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text, stroke_width=outline))
    size = (right - left + 2 * padding, bottom - top + 2 * padding)
    box = Image.new("RGB", size, _BOX)
    draw = ImageDraw.Draw(box)
    if text_height >= 12:
        draw.rectangle((0, 0, size[0] - 1, size[1] - 1), outline=_RIM, width=max(1, text_height // 20))
    position = (padding - left, padding - top)
    draw.text(position, text, font=font, fill=_TEXT, stroke_width=outline, stroke_fill=_OUTLINE)
    label = np.array(box)
    label.setflags(write=False)
    return label


def _font(text_height: int) -> ImageFont.FreeTypeFont:
    """Pillow's built-in font (Aileron) with capitals of that many pixels."""
    capital = _scalable(100).getbbox("I")
    return _scalable(round(text_height * 100 / (capital[3] - capital[1])))


def _scalable(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType")
    return font
