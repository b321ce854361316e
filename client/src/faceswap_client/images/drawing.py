"""Draws detected faces on an image: boxes, landmarks and labels that stay readable at any image size."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from faceswap_client._results import Face
from faceswap_client.images.inputs import ImageInput, image_bytes

Rectangle = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels

# Okabe and Ito's palette, told apart by colour-blind readers too; without its black, and without its dark blue, which
# is hard to see on dark images
_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#D55E00", "#CC79A7")

_SHORT_SIDES_PER_TEXT_HEIGHT = 32  # by eye: readable where the whole image is shown on a screen
_SHORT_SIDES_PER_LINE_WIDTH = 320
_SMALLEST_TEXT, _LARGEST_TEXT = 9, 160  # pixels


def draw_faces(image: ImageInput, faces: Sequence[Face], labels: Sequence[str] | None = None) -> Image.Image:
    """A new RGB image with a box, five landmarks and a label for each face.

    Args:
        image: the image the faces were found in; its EXIF orientation is applied first, as the server does.
        faces: in the coordinates of that upright image.
        labels: one line for each face; default its index and score, `0  0.93`. An empty label is not drawn.

    Raises:
        ValueError: not as many labels as faces.
        PIL.UnidentifiedImageError, OSError: the image cannot be read.
    """
    texts = [f"{face.index}  {face.score:.2f}" for face in faces] if labels is None else list(labels)
    if len(texts) != len(faces):
        raise ValueError(f"{len(texts)} labels for {len(faces)} faces")
    canvas = _upright_rgb(image)
    draw = ImageDraw.Draw(canvas)
    width = max(2, round(min(canvas.size) / _SHORT_SIDES_PER_LINE_WIDTH))
    for face in faces:
        _draw_face(draw, face, _COLOURS[face.index % len(_COLOURS)], width)
    _draw_labels(draw, canvas.size, faces, texts, width)
    return canvas


def place_labels(
    sizes: Sequence[tuple[float, float]], boxes: Sequence[Rectangle], frame: tuple[int, int]
) -> list[Rectangle]:
    """A place for each label: beside its own box, inside the frame, and where there is room, over nothing else.

    Args:
        sizes: (width, height) of each label in pixels.
        boxes: box of the face each label belongs to.
        frame: (width, height) of the image in pixels.

    Returns:
        One rectangle for each label. A label that fits the frame never leaves it. It overlaps another label only
        where all twelve places around its box are taken.
    """
    placed: list[Rectangle] = []
    for index, (size, box) in enumerate(zip(sizes, boxes, strict=True)):
        others = [*boxes[:index], *boxes[index + 1 :]]

        def cost(place: Rectangle, own: Rectangle = box, others: list[Rectangle] = others) -> tuple[float, ...]:
            over_others = sum(_overlap(place, other) for other in others)
            return sum(_overlap(place, label) for label in placed), over_others, _overlap(place, own)

        # min keeps the first of equals, so the order of the candidates is the order of preference
        placed.append(min(_candidates(size, box, frame), key=cost))
    return placed


def _candidates(size: tuple[float, float], box: Rectangle, frame: tuple[int, int]) -> list[Rectangle]:
    (w, h), (x0, y0, x1, y1) = size, box
    middle = (x0 + x1 - w) / 2
    corners = [
        *((x0, y0 - h), (x1 - w, y0 - h), (middle, y0 - h)),  # above
        *((x0, y1), (x1 - w, y1), (middle, y1)),  # below
        *((x1, y0), (x1, y1 - h), (x0 - w, y0), (x0 - w, y1 - h)),  # beside
        *((x0, y0), (x0, y1 - h)),  # inside
    ]
    places = []
    for left, top in corners:
        x = max(0.0, min(left, frame[0] - w))
        y = max(0.0, min(top, frame[1] - h))
        places.append((x, y, x + w, y + h))
    return places


def _overlap(a: Rectangle, b: Rectangle) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _upright_rgb(source: ImageInput) -> Image.Image:
    with Image.open(io.BytesIO(image_bytes(source))) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("LA", "PA", "RGBA") or "transparency" in upright.info:
            layer = upright.convert("RGBA")
            ground = Image.new("RGBA", layer.size, "white")
            return Image.alpha_composite(ground, layer).convert("RGB")
        return upright.convert("RGB")


def _draw_face(draw: ImageDraw.ImageDraw, face: Face, colour: str, width: int) -> None:
    x0, y0, x1, y1 = face.box
    # a dark line under the coloured one keeps the box visible on a background of its own colour
    draw.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline="black", width=width + 2)
    draw.rectangle((x0, y0, x1, y1), outline=colour, width=width)
    radius = max(1.5, min(width * 1.2, (x1 - x0) / 24))
    for x, y in face.landmarks:
        draw.ellipse((x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1), fill="black")
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _draw_labels(
    draw: ImageDraw.ImageDraw, frame: tuple[int, int], faces: Sequence[Face], texts: Sequence[str], width: int
) -> None:
    shown = [(face, text) for face, text in zip(faces, texts, strict=True) if text]
    if not shown:
        return
    font, margin = _font(draw, frame, [text for _, text in shown])
    sizes = [_size(draw, text, font, margin) for _, text in shown]
    boxes = [(f.box.x0 - width, f.box.y0 - width, f.box.x1 + width, f.box.y1 + width) for f, _ in shown]
    for (face, text), (x0, y0, x1, y1) in zip(shown, place_labels(sizes, boxes, frame), strict=True):
        draw.rectangle((x0, y0, x1, y1), fill=_COLOURS[face.index % len(_COLOURS)])
        draw.text(((x0 + x1) / 2, (y0 + y1) / 2), text, fill="black", font=font, anchor="mm")


def _font(
    draw: ImageDraw.ImageDraw, frame: tuple[int, int], texts: Sequence[str]
) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, int]:
    """The font that suits the frame, made smaller until the longest label fits its width, and the labels' margin."""
    size = min(_LARGEST_TEXT, max(_SMALLEST_TEXT, round(min(frame) / _SHORT_SIDES_PER_TEXT_HEIGHT)))
    while True:
        font, margin = ImageFont.load_default(size), max(2, size // 4)
        widest = max(_size(draw, text, font, margin)[0] for text in texts)
        if widest <= frame[0] or size <= _SMALLEST_TEXT:
            return font, margin
        size = max(_SMALLEST_TEXT, math.floor(size * frame[0] / widest))


def _size(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, margin: int
) -> tuple[float, float]:
    height = getattr(font, "size", _SMALLEST_TEXT)
    return draw.textlength(text, font=font) + 2 * margin, height + margin
