"""The comparison image: every swapped face before and after, and a mark that it is synthetic."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from faceswap_client import Box, Landmarks, Point, SourceFace, SwapResult, TargetFace
from faceswap_core.provenance.xmp.read_back import xmp_packets
from faceswap_tools.demo import write_example_images
from faceswap_tools.montage import comparison_jpeg
from numpy.typing import NDArray
from PIL import Image

RED, BLUE, GREEN, WHITE = (200, 0, 0), (0, 0, 200), (0, 150, 0), (255, 255, 255)
NOWHERE = Landmarks(*[Point(0, 0)] * 5)


def image(size: tuple[int, int], squares: list[tuple[Box, tuple[int, int, int]]]) -> bytes:
    canvas = Image.new("RGB", size, WHITE)
    for box, colour in squares:
        canvas.paste(colour, (int(box[0]), int(box[1]), int(box[2]), int(box[3])))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()


def swap_of(count: int, swapped: int) -> tuple[bytes, bytes, SwapResult]:
    """A red face put into the first `swapped` of `count` blue faces."""
    boxes = [Box(100 * index + 30, 60, 100 * index + 70, 100) for index in range(count)]
    red = Box(40, 40, 80, 80)
    target = image((100 * count, 160), [(box, BLUE) for box in boxes])
    result = image((100 * count, 160), [(box, RED if i < swapped else BLUE) for i, box in enumerate(boxes)])
    faces = tuple(
        TargetFace(i, box, 0.9, NOWHERE, i < swapped, 0 if i < swapped else None, 0 if i < swapped else None)
        for i, box in enumerate(boxes)
    )
    sources = (SourceFace(0, red, 0.9, NOWHERE, 120, 120, 1),)
    source = image((120, 120), [(red, RED)])
    return source, target, SwapResult(result, "png", 100 * count, 160, faces, sources)


def patches(pixels: NDArray[np.int16], colour: tuple[int, int, int]) -> int:
    """How many separate squares of a colour lie in the rows of enlarged faces."""
    below = pixels[540:]
    hits = np.abs(below - np.array(colour, np.int16)).max(axis=2) < 40
    rows = hits[:: max(1, len(hits) // 200)]
    starts = np.diff(np.pad(rows.astype(np.int8), ((0, 0), (1, 0))), axis=1) == 1
    per_row = starts.sum(axis=1)
    changes = [int(n) for n, before in zip(per_row[1:], per_row, strict=False) if n and not before]
    return sum(changes)


@pytest.mark.parametrize(("count", "swapped"), [(1, 1), (3, 2), (6, 6)])
def test_every_swapped_face_stands_before_and_after(count: int, swapped: int) -> None:
    source, target, result = swap_of(count, swapped)
    with Image.open(io.BytesIO(comparison_jpeg(source, target, result))) as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(np.int16)
    assert patches(pixels, BLUE) == swapped, "each face before"
    assert patches(pixels, RED) == swapped + 1, "the source, and each face after"


def test_it_says_that_it_is_synthetic() -> None:
    (xmp,) = xmp_packets(comparison_jpeg(*swap_of(1, 1)))
    assert b"compositeWithTrainedAlgorithmicMedia" in xmp


def test_the_example_images_are_one_six_and_one_of_the_six(tmp_path: Path) -> None:
    me, group = write_example_images(tmp_path / "images")
    sizes = {}
    for path in sorted((tmp_path / "images").iterdir()):
        with Image.open(path) as opened:
            sizes[path.name] = (opened.format, opened.size)
    assert sizes == {
        "group.jpg": ("JPEG", (1280, 886)),
        "me.jpg": ("JPEG", (512, 512)),
        "you.jpg": ("JPEG", (210, 250)),
    }
    assert (me.name, group.name) == ("me.jpg", "group.jpg")
