"""Where the label lands, and that it can be told from what is behind it."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from faceswap_core.provenance.visible_label import MIN_TEXT_HEIGHT, Corner, draw_label
from numpy.typing import NDArray


def frame(height: int, width: int, kind: str) -> NDArray[np.uint8]:
    if kind == "noise":
        return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    return np.full((height, width, 3), {"black": 0, "white": 255, "grey": 128, "rim": 235}[kind], np.uint8)


def changed_box(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((before != after).any(axis=2))
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


@pytest.mark.parametrize("kind", ["black", "white", "grey", "rim", "noise"])
@pytest.mark.parametrize("corner", get_args(Corner))
def test_label_is_in_its_corner_and_nowhere_else(kind: str, corner: Any) -> None:
    before = frame(360, 480, kind)
    after = before.copy()
    draw_label(after, corner=corner)
    top, left, bottom, right = changed_box(before, after)
    assert bottom - top < 60
    assert right - left < 60
    assert (top < 30) == corner.startswith("top")
    assert (left < 30) == corner.endswith("left")
    assert (bottom > 330) == corner.startswith("bottom")
    assert (right > 450) == corner.endswith("right")


@pytest.mark.parametrize("kind", ["black", "white", "grey", "rim", "noise"])
def test_text_and_box_contrast_on_any_image(kind: str) -> None:
    after = frame(360, 480, kind)
    before = after.copy()
    draw_label(after)
    top, left, bottom, right = changed_box(before, after)
    inside = after[top + 2 : bottom - 2, left + 2 : right - 2].astype(int).mean(axis=2)
    assert inside.max() == 255
    assert np.median(inside) < 40
    assert 0.05 < (inside > 200).mean() < 0.5


@pytest.mark.parametrize(("height", "width"), [(360, 480), (480, 360), (2160, 3840), (1080, 1920)])
def test_capitals_are_a_share_of_the_shorter_side(height: int, width: int) -> None:
    after = frame(height, width, "black")
    draw_label(after, text="I", share=0.05)
    text = (after.min(axis=2) == 255).nonzero()[0]
    assert text.max() + 1 - text.min() == pytest.approx(0.05 * min(height, width), abs=2)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50), (3, 200), (8, 8), (16, 16), (200, 3), (17, 64)])
def test_tiny_frames_hold_the_label_whole(height: int, width: int) -> None:
    after = frame(height, width, "white")
    for corner in get_args(Corner):
        draw_label(after, corner=corner)
    assert after.shape == (height, width, 3)
    assert after.min() < 200


def test_text_has_a_least_height() -> None:
    after = frame(16, 16, "black")
    draw_label(after)
    bright_rows = (after > 180).all(axis=2).any(axis=1)
    assert abs(int(bright_rows.sum()) - MIN_TEXT_HEIGHT) <= 1


def test_views_are_drawn_into() -> None:
    whole = frame(400, 400, "white")
    draw_label(whole[100:300, 100:300])
    assert (whole[:100] == 255).all()
    assert whole[100:300, 100:300].min() < 40


@pytest.mark.parametrize(
    "bad",
    [
        {"corner": "middle"},
        {"share": 0.0},
        {"share": 0.3},
        {"share": float("nan")},
        {"text": ""},
        {"text": "a\nb"},
        {"text": "\u4eba\u5de5"},
        {"text": "x" * 33},
    ],
)
def test_arguments_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="|".join(bad)):
        draw_label(frame(50, 50, "black"), **bad)


@pytest.mark.parametrize("shape", [(5, 5), (5, 5, 4), (0, 5, 3)])
def test_other_frames_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="image"):
        draw_label(np.zeros(shape, np.uint8))
