"""SCRFD decoding: conventions with asymmetric numbers, and equality with insightface's own code."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from faceswap_core.faces.scrfd import (
    MAX_CANDIDATES,
    STRIDES,
    DetectorHeads,
    anchor_centres,
    decode_faces,
    suppress_overlaps,
)
from faceswap_tools.parity.reference import detector_on
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

CELLS = {8: 12800, 16: 3200, 32: 800}


def empty_heads() -> DetectorHeads:
    return DetectorHeads(
        scores=[np.zeros((CELLS[s], 1), np.float32) for s in STRIDES],
        boxes=[np.zeros((CELLS[s], 4), np.float32) for s in STRIDES],
        landmarks=[np.zeros((CELLS[s], 10), np.float32) for s in STRIDES],
    )


def random_heads(seed: int, faces: int) -> DetectorHeads:
    """Heads with some strong anchors, in clusters, so that suppression has work."""
    rng = np.random.default_rng(seed)
    heads = empty_heads()
    for level, stride in enumerate(STRIDES):
        cells = CELLS[stride]
        centres = rng.integers(0, cells, faces)
        rows = (centres[:, None] + np.arange(6)).ravel() % cells
        heads.scores[level][rows, 0] = rng.uniform(0.2, 1.0, rows.size)
        heads.boxes[level][rows] = rng.uniform(0.5, 6.0, (rows.size, 4))
        heads.landmarks[level][rows] = rng.uniform(-3.0, 3.0, (rows.size, 10))
    return heads


def test_convention_anchor_at_column_times_stride_row_times_stride() -> None:
    # 640 / 16 = 40 columns; row 2, column 3 is cell 83, its two anchors are rows 166 and 167
    centres = anchor_centres(16)
    assert centres[166].tolist() == [48.0, 32.0]
    assert centres[167].tolist() == [48.0, 32.0]
    assert centres[168].tolist() == [64.0, 32.0]


def test_convention_distances_are_left_top_right_bottom_in_strides() -> None:
    heads = empty_heads()
    row = 2 * (2 * 40 + 3)  # stride 16, row 2, column 3: anchor (48, 32)
    heads.scores[1][row] = 0.9
    heads.boxes[1][row] = [1.0, 0.5, 2.0, 3.0]
    heads.landmarks[1][row] = np.arange(10) / 4
    (face,) = decode_faces(heads, 0.5, scale=0.5)
    assert face.box == ((48 - 16) * 2, (32 - 8) * 2, (48 + 32) * 2, (32 + 48) * 2)
    assert face.landmarks[0].tolist() == [48 * 2, (32 + 4) * 2]  # x, y of the left eye
    assert face.landmarks[4].tolist() == [(48 + 8 * 4) * 2, (32 + 9 * 4) * 2]
    assert face.score == pytest.approx(0.9)


def test_nothing_above_the_threshold_gives_no_faces() -> None:
    assert decode_faces(empty_heads(), 0.5, 1.0) == []


def test_a_flood_of_boxes_is_cut_before_the_quadratic_part() -> None:
    heads = empty_heads()
    for scores in heads.scores:
        scores[:] = 0.9  # 16800 boxes of no size, none of which overlaps another
    assert len(decode_faces(heads, 0.5, 1.0)) <= MAX_CANDIDATES


def test_touching_boxes_count_their_border_pixels() -> None:
    # two 9-px squares sharing a 1-px border: with +1 the overlap is 10 pixels of 190, not 0
    boxes = np.array([[0, 0, 9, 9], [9, 0, 18, 9]], np.float32)
    assert suppress_overlaps(boxes, iou_threshold=10 / 190 + 1e-6) == [0, 1]
    assert suppress_overlaps(boxes, iou_threshold=10 / 190 - 1e-6) == [0]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), low=st.floats(0.1, 0.9), step=st.floats(0.0, 0.1))
def test_a_higher_threshold_never_adds_a_candidate(seed: int, low: float, step: float) -> None:
    heads = random_heads(seed, 3)
    strongest = max(float(scores.max()) for scores in heads.scores)
    at_low = decode_faces(heads, low, 1.0)
    at_high = decode_faces(heads, low + step, 1.0)
    assert {f.score for f in at_high} <= {f.score for f in at_low}
    assert bool(at_low) == (strongest >= np.float32(low))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("height", "width"), [(480, 640), (1080, 1920), (886, 1280), (3000, 1999)])
def test_same_faces_as_insightface(seed: int, height: int, width: int) -> None:
    """insightface's own SCRFD.detect on a session that returns our heads: every digit agrees."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # insightface's imports warn
        from insightface.model_zoo.scrfd import SCRFD

    heads = random_heads(seed, 5)

    class Session:
        def run(self, names: object, feeds: object) -> list[NDArray[np.float32]]:
            return [*heads.scores, *heads.boxes, *heads.landmarks]

    detector = detector_on(SCRFD, Session())
    boxes, landmarks = detector.detect(np.zeros((height, width, 3), np.uint8))

    scale = 640 / height if height > width else int(640 * (height / width)) / height
    faces = decode_faces(heads, 0.5, scale)
    assert len(faces) == len(boxes) > 0
    np.testing.assert_array_equal(np.array([[*f.box, f.score] for f in faces], np.float32), boxes)
    np.testing.assert_array_equal(np.array([f.landmarks for f in faces]), landmarks)


@pytest.mark.parametrize(
    ("part", "wild"),
    [("scores", np.nan), ("scores", np.inf)]
    + [(part, wild) for part in ("boxes", "landmarks") for wild in (np.nan, np.inf, -np.inf, 1e38)],
)
def test_overflowed_outputs_are_no_face(part: str, wild: float) -> None:
    heads = empty_heads()
    for row in (10, 100):
        heads.scores[1][row] = 0.9
        heads.boxes[1][row] = 1.0
    getattr(heads, part)[1][10, 0] = wild
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (face,) = decode_faces(heads, 0.5, scale=0.5)
    assert face.score == pytest.approx(0.9)
