"""Comparison image of one swap: source, target and result, and every swapped face enlarged before and after."""

from __future__ import annotations

import io
from collections.abc import Sequence

from faceswap_client import Box, SwapResult, TargetFace
from faceswap_client.images.inputs import ImageInput, image_bytes
from faceswap_core.provenance.xmp.mark import mark_as_synthetic
from PIL import Image, ImageDraw, ImageFont, ImageOps

PANEL_HEIGHT = 480  # pixels, of source, target and result
LARGEST_FACE = 300  # pixels, side of one enlarged face
FACES_PER_ROW = 3
MOST_FACES = 6  # enlarged; the rest is in the result's panel
GAP = 12
CAPTION = 30
BACKGROUND = (245, 245, 245)
TEXT = (30, 30, 30)
MARKER = (230, 159, 0)  # Okabe and Ito's orange
AROUND_FACE = 1.5  # side of an enlarged square in longer sides of the face's box


def comparison_jpeg(source: ImageInput, target: ImageInput, result: SwapResult) -> bytes:
    """JPEG that shows at a glance whose face is where; its XMP says that it is synthetic.

    Above: the first source, the target and the result, 480 pixels high. Below: the source's face, then each of up to
    six swapped faces enlarged before and after.
    """
    before, after = _upright(source), _upright(target)
    swapped = _upright(result.image)
    faces = [face for face in result.faces if face.swapped][:MOST_FACES]
    panels = [
        ("source: face A", _panel(before, [(face.box, "A") for face in result.sources[:1]])),
        ("target", _panel(after, [(face.box, str(face.index)) for face in result.faces])),
        ("result", _panel(swapped, [(face.box, _letter(face)) for face in faces])),
    ]
    top = _row(panels)
    in_a_row = 2 * min(len(faces), FACES_PER_ROW) + 1
    side = min(LARGEST_FACE, (top.width - (in_a_row - 1) * GAP) // in_a_row)
    lead = [("A", _enlarged(before, face.box, side)) for face in result.sources[:1]]
    # a target that was scaled down for max_side has its faces in the result's pixels
    after = after.resize(swapped.size) if after.size != swapped.size else after
    pairs = [
        [
            (f"{face.index} before", _enlarged(after, face.box, side)),
            (f"{face.index} after", _enlarged(swapped, face.box, side)),
        ]
        for face in faces
    ]
    sheet = _stacked([top, *_face_rows(lead, pairs, side)])
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=90)
    return mark_as_synthetic(buffer.getvalue(), "jpeg")


def _letter(face: TargetFace) -> str:
    return f"{face.index}: {chr(ord('A') + (face.source or 0))}"


def _upright(image: ImageInput) -> Image.Image:
    with Image.open(io.BytesIO(image_bytes(image))) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def _panel(image: Image.Image, marks: Sequence[tuple[Box, str]]) -> Image.Image:
    """The image at panel height with a small marker above each face; no box covers a face."""
    scale = PANEL_HEIGHT / image.height
    panel = image.resize((max(1, round(image.width * scale)), PANEL_HEIGHT), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(panel)
    font = ImageFont.load_default(size=16)
    for box, text in marks:
        middle, top = (box.x0 + box.x1) / 2 * scale, max(22.0, box.y0 * scale)
        half = draw.textlength(text, font=font) / 2 + 5
        draw.rounded_rectangle((middle - half, top - 22, middle + half, top - 2), radius=5, fill=MARKER)
        draw.text((middle, top - 12), text, fill="black", font=font, anchor="mm")
    return panel


def _enlarged(image: Image.Image, box: Box, side: int) -> Image.Image:
    """The square around a face, `side` pixels wide; black beyond the image's edges."""
    half = max(box.x1 - box.x0, box.y1 - box.y0) * AROUND_FACE / 2
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    square = (round(x - half), round(y - half), round(x + half), round(y + half))
    return image.crop(square).resize((side, side), Image.Resampling.LANCZOS)


def _face_rows(
    lead: Sequence[tuple[str, Image.Image]], pairs: Sequence[Sequence[tuple[str, Image.Image]]], side: int
) -> list[Image.Image]:
    """Rows of pairs, the source's face at the left of the first."""
    rows = []
    for first in range(0, len(pairs), FACES_PER_ROW):
        left = lead if first == 0 else [("", Image.new("RGB", (side, side), BACKGROUND))]
        rows.append(_row([*left, *(cell for pair in pairs[first : first + FACES_PER_ROW] for cell in pair)]))
    return rows


def _row(cells: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Captioned images of one height beside each other."""
    height = max(image.height for _, image in cells)
    width = sum(image.width for _, image in cells) + GAP * (len(cells) - 1)
    row = Image.new("RGB", (width, height + CAPTION), BACKGROUND)
    draw = ImageDraw.Draw(row)
    left = 0
    for caption, image in cells:
        draw.text((left, CAPTION - 6), caption, fill=TEXT, font=ImageFont.load_default(size=18), anchor="ls")
        row.paste(image, (left, CAPTION))
        left += image.width + GAP
    return row


def _stacked(rows: Sequence[Image.Image]) -> Image.Image:
    """Rows below each other, all from the left edge."""
    width = max(row.width for row in rows)
    sheet = Image.new("RGB", (width + 2 * GAP, sum(row.height + GAP for row in rows) + GAP), BACKGROUND)
    top = GAP
    for row in rows:
        sheet.paste(row, (GAP, top))
        top += row.height + GAP
    return sheet
