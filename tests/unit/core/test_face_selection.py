"""Order, filters and who wears whom."""

from __future__ import annotations

import numpy as np
import pytest
from faceswap_core.errors import FaceIndexOutOfRange, NoFaceInSource, SourceCountMismatch
from faceswap_core.faces.selection import Assignment, assign_sources, choose_source, ordered_faces
from faceswap_core.options import parse_options
from faceswap_core.types import Face


def face(left: float, size: float, top: float = 0.0, score: float = 0.9) -> Face:
    return Face((left, top, left + size, top + size), score, np.zeros((5, 2), np.float32))


SMALL_RIGHT, LARGE_LEFT, MIDDLE = face(500, 20), face(0, 100), face(200, 50)


def test_left_to_right_by_centre_not_by_left_edge() -> None:
    wide, narrow = face(0, 300), face(50, 20)  # centres 150 and 60
    assert ordered_faces([wide, narrow]) == [narrow, wide]


def test_equal_centres_go_top_to_bottom() -> None:
    lower, upper = face(0, 10, top=50), face(0, 10, top=5)
    assert ordered_faces([lower, upper]) == [upper, lower]


def test_small_faces_are_dropped_and_the_largest_kept() -> None:
    faces = [SMALL_RIGHT, LARGE_LEFT, MIDDLE]
    assert ordered_faces(faces, min_size=50) == [LARGE_LEFT, MIDDLE]
    assert ordered_faces(faces, most=1) == [LARGE_LEFT]


def test_the_largest_source_face_by_default_and_the_named_one_otherwise() -> None:
    found = [SMALL_RIGHT, LARGE_LEFT, MIDDLE]
    assert choose_source(found, parse_options({}), "SOURCE_IMAGE[0]").face is LARGE_LEFT
    named = choose_source(found, parse_options({"source_face": 2}), "SOURCE_IMAGE[0]")
    assert (named.face, named.index, named.faces) == (SMALL_RIGHT, 2, 3)


def test_a_source_without_the_face_says_which_image_and_what_is_allowed() -> None:
    with pytest.raises(NoFaceInSource, match=r"NO_FACE_IN_SOURCE: SOURCE_IMAGE\[1\].*0\.5"):
        choose_source([], parse_options({}), "SOURCE_IMAGE[1]")
    with pytest.raises(FaceIndexOutOfRange, match=r"source_face=1: SOURCE_IMAGE\[0\] has 1 face.*0 to 0"):
        choose_source([MIDDLE], parse_options({"source_face": 1}), "SOURCE_IMAGE[0]")


def test_one_source_serves_all_and_several_go_one_to_one() -> None:
    assert assign_sources(3, 1, parse_options({})) == [Assignment(0, 0), Assignment(1, 0), Assignment(2, 0)]
    named = parse_options({"target_faces": "2,0"})
    assert assign_sources(3, 2, named) == [Assignment(2, 0), Assignment(0, 1)]


def test_every_mismatch_is_an_error() -> None:
    with pytest.raises(SourceCountMismatch, match="2 source images for 3 target faces"):
        assign_sources(3, 2, parse_options({}))
    with pytest.raises(FaceIndexOutOfRange, match="target_faces=3: TARGET_IMAGE has 3 face.*0 to 2"):
        assign_sources(3, 1, parse_options({"target_faces": 3}))
