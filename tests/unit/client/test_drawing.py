"""Boxes, landmarks and labels on an image."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from faceswap_client import Box, Face, Landmarks, Point, draw_faces
from faceswap_client.images.drawing import Rectangle, place_labels
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image


def face(index: int, x0: float, y0: float, x1: float, y1: float) -> Face:
    def point(across: float, down: float) -> Point:
        return Point(x0 + across * (x1 - x0), y0 + down * (y1 - y0))

    landmarks = Landmarks(point(0.3, 0.4), point(0.7, 0.4), point(0.5, 0.6), point(0.35, 0.8), point(0.65, 0.8))
    return Face(index, Box(x0, y0, x1, y1), 0.93, landmarks)


def overlaps(a: Rectangle, b: Rectangle) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > 1e-9 and min(a[3], b[3]) - max(a[1], b[1]) > 1e-9


FRAME = (640, 480)
boxes_anywhere = st.lists(
    st.tuples(st.floats(-100, 600), st.floats(-100, 440), st.floats(1, 300), st.floats(1, 300)).map(
        lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
    ),
    min_size=1,
    max_size=12,
)


@given(boxes_anywhere)
def test_no_label_leaves_the_frame(boxes: list[Rectangle]) -> None:
    for x0, y0, x1, y1 in place_labels([(90, 24)] * len(boxes), boxes, FRAME):
        assert x0 >= 0 and y0 >= 0 and x1 <= FRAME[0] and y1 <= FRAME[1]


def test_labels_of_a_crowd_do_not_cover_each_other() -> None:
    boxes = [(40.0 * i, 60.0 * j, 40.0 * i + 38, 60.0 * j + 40) for i in range(8) for j in range(3)]
    placed = place_labels([(30, 14)] * len(boxes), boxes, FRAME)
    assert not any(overlaps(a, b) for a, b in itertools.combinations(placed, 2))


def test_a_label_goes_above_its_box_where_there_is_room() -> None:
    assert place_labels([(50, 20)], [(100, 100, 200, 200)], FRAME) == [(100, 80, 150, 100)]


def test_a_label_at_the_upper_edge_does_not_cover_its_own_face() -> None:
    box = (100.0, 0.0, 200.0, 100.0)
    (label,) = place_labels([(50, 20)], [box], FRAME)
    assert not overlaps(label, box)


def test_a_label_avoids_the_faces_of_others() -> None:
    boxes: list[Rectangle] = [(100, 100, 200, 200), (90, 60, 260, 99)]
    label = place_labels([(50, 20), (50, 20)], boxes, FRAME)[0]
    assert not overlaps(label, boxes[1])


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (300, 200), (4000, 3000)])
def test_an_image_of_any_size_keeps_its_size(size: tuple[int, int]) -> None:
    drawn = draw_faces(Image.new("RGB", size, "gray"), [face(0, 0, 0, size[0] * 0.6, size[1] * 0.6)])
    assert (drawn.size, drawn.mode) == (size, "RGB")


def test_only_the_surroundings_of_boxes_landmarks_and_labels_change() -> None:
    image = np.full((300, 400, 3), 120, np.uint8)
    before = image.copy()
    drawn = np.array(draw_faces(image, [face(0, 100, 100, 200, 220)]))
    assert np.array_equal(image, before)
    changed = np.argwhere((drawn != image).any(axis=2))
    assert changed.min(axis=0).tolist() >= [60, 90]
    assert changed.max(axis=0).tolist() <= [225, 230]
    assert (drawn[105:215, 105:125] == 120).all(), "inside of the box, left of the landmarks"
    for x, y in face(0, 100, 100, 200, 220).landmarks:
        assert (drawn[round(y), round(x)] != 120).any()


def test_text_grows_with_the_image() -> None:
    def label_height(side: int) -> int:
        drawn = np.array(
            draw_faces(Image.new("RGB", (side, side)), [face(0, side / 2, side / 2, side * 0.9, side * 0.9)])
        )
        above = drawn[: side // 2 - side // 100]
        return int((above.any(axis=(1, 2))).sum())

    assert 3.5 < label_height(2000) / label_height(500) < 4.5


def test_labels_can_be_chosen_and_left_out() -> None:
    image = np.full((300, 400, 3), 120, np.uint8)
    faces = [face(0, 100, 100, 200, 220)]
    plain = np.array(draw_faces(image, faces, [""]))
    assert (plain[:95] == 120).all()
    assert not np.array_equal(np.array(draw_faces(image, faces, ["Ann"])), np.array(draw_faces(image, faces, ["Ben"])))
    with pytest.raises(ValueError, match="2 labels for 1 faces"):
        draw_faces(image, faces, ["a", "b"])


def test_the_orientation_is_applied_first() -> None:
    image = Image.new("RGB", (60, 40))
    image.getexif()[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", exif=image.getexif())
    assert draw_faces(out.getvalue(), []).size == (40, 60)


def test_transparent_pixels_become_white() -> None:
    assert draw_faces(Image.new("RGBA", (2, 2), (0, 0, 0, 0)), []).getpixel((0, 0)) == (255, 255, 255)
