"""Source, target and result side by side, every face boxed and labelled with who it became."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faceswap_client import SwapResult, TargetFace
from faceswap_client.images.drawing import draw_faces
from PIL import Image, ImageDraw, ImageFont

HEIGHT = 640
GAP = 12
CAPTION = 34
BACKGROUND = (245, 245, 245)


def comparison_image(source: Path | bytes, target: Path | bytes, result: SwapResult) -> Image.Image:
    """One RGB image: the (first) source, the target and the result, each 640 pixels high.

    Faces carry letters in the source (A is the face taken from it) and in the result the letter they wear.
    """
    panels = [
        ("source", draw_faces(source, result.sources[:1], ["A"])),
        ("target", draw_faces(target, result.faces, [f"face {face.index}" for face in result.faces])),
        ("result", draw_faces(result.image, result.faces, [_label(face) for face in result.faces])),
    ]
    return _side_by_side([(title, _scaled(image)) for title, image in panels])


def _label(face: TargetFace) -> str:
    return f"{face.index} is {chr(ord('A') + (face.source or 0))}" if face.swapped else f"{face.index} as before"


def _scaled(image: Image.Image) -> Image.Image:
    width = max(1, round(image.width * HEIGHT / image.height))
    return image.resize((width, HEIGHT), Image.Resampling.LANCZOS)


def _side_by_side(panels: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    width = sum(image.width for _, image in panels) + GAP * (len(panels) + 1)
    canvas = Image.new("RGB", (width, HEIGHT + CAPTION + GAP), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=20)
    left = GAP
    for title, image in panels:
        draw.text((left, 6), title, fill=(30, 30, 30), font=font)
        canvas.paste(image, (left, CAPTION))
        left += image.width + GAP
    return canvas
