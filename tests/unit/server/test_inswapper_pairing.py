"""Which source face replaces which target face in a job of runpod-worker-inswapper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from faceswap_client import AnalysedFace, Analysis
from faceswap_client._results import Box, Landmarks, Point
from faceswap_server.jobs.inswapper.job import parse_inswapper_job
from faceswap_server.jobs.inswapper.pairing import Pairing, pair_faces
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import InputLimits

LIMITS = InputLimits(max_sources=8, max_targets=16, max_image_bytes=100, max_job_bytes=900)
POINTS = Landmarks(*[Point(0.0, 0.0)] * 5)
EMBEDDING = np.ones(512, np.float32)


def analysis(*boxes: tuple[float, float, float, float], scores: tuple[float, ...] = ()) -> Analysis:
    """Faces in the service's order, by the centre of their boxes, in an image of 400x200."""
    given = scores or (0.9,) * len(boxes)
    found = sorted(zip(boxes, given, strict=True), key=lambda each: each[0][0] + each[0][2])
    faces = [AnalysedFace(i, Box(*box), score, POINTS, EMBEDDING) for i, (box, score) in enumerate(found)]
    return Analysis(400, 200, tuple(faces))


def row(count: int) -> Analysis:
    """Equal faces side by side."""
    return analysis(*((60.0 * i, 0.0, 60.0 * i + 40, 50.0) for i in range(count)))


def pairing(source: Analysis, target: Analysis, **fields: Any) -> Pairing:
    plain = {"source_image": "QQ==", "target_image": "Qg==", "face_restore": False}
    return pair_faces(parse_inswapper_job({**plain, **fields}, LIMITS), source, target)


def pairs(source: Analysis, target: Analysis, **fields: Any) -> list[tuple[int, int]]:
    return list(pairing(source, target, **fields).pairs)


@pytest.mark.parametrize(
    ("sources", "targets", "expected"),
    [
        (1, 1, [(0, 0)]),
        (1, 3, [(0, 0)]),
        (2, 3, [(0, 0), (1, 1)]),
        (3, 2, [(0, 0), (1, 1)]),
        (3, 3, [(0, 0), (1, 1), (2, 2)]),
        (3, 1, [(0, 0)]),
    ],
)
def test_without_indexes_the_first_go_to_the_first(sources: int, targets: int, expected: list[tuple[int, int]]) -> None:
    assert pairing(row(sources), row(targets)) == Pairing(tuple(expected))


def test_target_indexes_alone_take_the_leftmost_source_face() -> None:
    assert pairs(row(3), row(3), target_indexes="2,0") == [(0, 2), (0, 0)]


def test_both_indexes_pair_one_to_one() -> None:
    assert pairs(row(3), row(4), source_indexes="2,0", target_indexes="1,3") == [(2, 1), (0, 3)]


def test_a_target_with_one_face_gets_the_leftmost_whatever_the_indexes_say() -> None:
    found = pairing(row(3), row(1), source_indexes="2", target_indexes="1")
    assert found.pairs == ((0, 0),)
    assert found.notes == (
        "source_indexes: no effect, the target has one face to choose from",
        "target_indexes: no effect, the target has one face to choose from",
    )
    assert pairing(row(3), row(1), source_indexes="0", target_indexes="0").notes == (), "the same without them"


def test_source_indexes_alone_are_not_read() -> None:
    found = pairing(row(2), row(3), source_indexes="1")
    assert found == Pairing(((0, 0), (1, 1)), ("source_indexes: no effect without target_indexes",))
    assert pairing(row(2), row(3), source_indexes="0,1").notes == ()


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"target_indexes": "3"}, "FACE_INDEX_OUT_OF_RANGE", "target_indexes=3: target_image has 3 face(s)"),
        (
            {"source_indexes": "2", "target_indexes": "0"},
            "FACE_INDEX_OUT_OF_RANGE",
            "source_indexes=2: source_image has 2 face(s), allowed indexes: 0 to 1",
        ),
        ({"source_indexes": "0", "target_indexes": "0,1"}, "INVALID_OPTION", "source_indexes names 1 faces and"),
        ({"target_indexes": "1,1"}, "INVALID_OPTION", "target_indexes names a face twice"),
        ({"min_face_size": 100}, "NO_FACE_IN_SOURCE", "source_image: no face found with min_face_size=100"),
    ],
)
def test_what_cannot_be_paired_is_refused(fields: dict[str, Any], code: str, says: str) -> None:
    with pytest.raises(JobError) as caught:
        pairs(row(2), row(3), **fields)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_nobody_in_the_target_comes_first() -> None:
    with pytest.raises(JobError, match="NO_FACE_IN_TARGET: target_image: no face found"):
        pairs(row(0), row(0))


@pytest.mark.parametrize(("per_cent", "first"), [(0, 0), (24.9, 0), (25, 0), (25.1, 1), (40, 1), (40.1, 2), (60, 2)])
def test_min_face_size_leaves_out_source_faces_that_are_narrow_and_low(per_cent: float, first: int) -> None:
    # sizes in per cent of the shorter side, 200 pixels: 20x25, 40x30, 60x60
    source = analysis((0, 0, 40, 50), (100, 0, 180, 60), (200, 0, 320, 120))
    assert pairs(source, row(1), min_face_size=per_cent) == [(first, 0)]
    assert len(pairs(row(1), row(3), target_indexes="0,1,2", min_face_size=20)) == 3, "targets are not filtered"


def test_faces_count_by_the_left_edge_of_their_box() -> None:
    """The wide face begins further left, but its centre is further right: it is the service's face 1 and their 0."""
    target = analysis((0, 0, 200, 200), (40, 50, 100, 100))
    assert [face.box.x0 for face in target.faces] == [40, 0]
    assert pairs(row(1), target, target_indexes="0") == [(0, 1)]
    assert pairs(target, row(2), source_indexes="0", target_indexes="1") == [(1, 1)]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("left-right", [0, 1, 2]),
        ("right-left", [2, 1, 0]),
        ("top-bottom", [2, 0, 1]),
        ("small-large", [1, 2, 0]),
        ("large-small", [0, 2, 1]),
        ("best-worst", [1, 0, 2]),
        ("worst-best", [2, 0, 1]),
    ],
)
def test_the_selectors_order(order: str, expected: list[int]) -> None:
    boxes = ((0.0, 50.0, 90.0, 150.0), (100.0, 80.0, 120.0, 100.0), (200.0, 0.0, 250.0, 50.0))
    target = analysis(*boxes, scores=(0.7, 0.9, 0.6))
    assert [target for _, target in pairs(row(3), target, face_selector_order=order)] == expected
    first = pairs(row(3), target, face_selector_order=order, face_selector_mode="one", target_indexes="1")
    assert first == [(0, expected[0])], "one face to choose from: indexes are not read"


def test_a_tie_stays_left_to_right() -> None:
    """Equal areas; by the centre of the boxes the second would be first."""
    target = analysis((0, 0, 200, 50), (40, 0, 140, 100))
    assert pairs(row(1), target, face_selector_order="large-small") == [(0, 1)]
