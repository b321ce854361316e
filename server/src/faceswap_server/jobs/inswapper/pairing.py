"""Pairing of source and target faces by the rules of runpod-worker-inswapper.

Faces count from the left by the left edge of their box; this service counts by the box's centre, so positions are
translated into its indexes here. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faceswap_client import AnalysedFace, Analysis

from faceswap_server.jobs.inswapper.job import InswapperJob
from faceswap_server.jobs.job_errors import JobError


@dataclass(frozen=True, slots=True)
class Pairing:
    """Which source face replaces which target face.

    Attributes:
        pairs: (source, target), indexes into the `faces` of the two analyses; each target occurs once.
        notes: one line for each requested field that has no effect.
    """

    pairs: tuple[tuple[int, int], ...]
    notes: tuple[str, ...] = ()


def pair_faces(job: InswapperJob, source: Analysis, target: Analysis) -> Pairing:
    """Chooses the faces of a job.

    1. A target with one face to choose from: the leftmost source face, whatever the indexes say.
    2. No `target_indexes`: the first source face goes to the first target face, the second to the second, as far as
       both go; `source_indexes` is not read.
    3. `target_indexes` alone: the leftmost source face goes to each.
    4. Both: one to one, in the order they are written.

    Raises:
        JobError: NO_FACE_IN_SOURCE, NO_FACE_IN_TARGET, FACE_INDEX_OUT_OF_RANGE, or INVALID_OPTION for lists of
            different lengths and for a target named twice.
    """
    targets = _target_faces(job, target.faces)
    if not targets:
        raise JobError("NO_FACE_IN_TARGET", "target_image: no face found")
    sources = _source_faces(job, source)
    if not sources:
        raise JobError("NO_FACE_IN_SOURCE", f"source_image: no face found with min_face_size={job.min_face_size:g}")
    positions, notes = _positions(job, len(sources), len(targets))
    return Pairing(tuple((sources[s].index, targets[t].index) for s, t in positions), notes)


def _positions(job: InswapperJob, sources: int, targets: int) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
    wanted_sources, wanted_targets = job.source_indexes, job.target_indexes
    if targets == 1:
        note = "{}: no effect, the target has one face to choose from"
        named = (("source_indexes", wanted_sources), ("target_indexes", wanted_targets))
        return [(0, 0)], tuple(note.format(name) for name, wanted in named if wanted not in (None, (0,)))
    if wanted_targets is None:
        count = min(sources, targets)
        unread = wanted_sources not in (None, tuple(range(count)))
        note = "source_indexes: no effect without target_indexes"
        return [(i, i) for i in range(count)], (note,) if unread else ()
    if wanted_sources is None:
        wanted_sources = (0,) * len(wanted_targets)
    if len(wanted_sources) != len(wanted_targets):
        raise JobError(
            "INVALID_OPTION",
            f"source_indexes names {len(wanted_sources)} faces and target_indexes {len(wanted_targets)}: "
            "send as many of one as of the other",
        )
    if len(set(wanted_targets)) != len(wanted_targets):
        raise JobError("INVALID_OPTION", "target_indexes names a face twice")
    _check_range("source_indexes", wanted_sources, "source_image", sources)
    _check_range("target_indexes", wanted_targets, "target_image", targets)
    return list(zip(wanted_sources, wanted_targets, strict=True)), ()


def _check_range(field: str, indexes: Sequence[int], image: str, count: int) -> None:
    if max(indexes) >= count:
        raise JobError(
            "FACE_INDEX_OUT_OF_RANGE",
            f"{field}={max(indexes)}: {image} has {count} face(s), allowed indexes: 0 to {count - 1}",
        )


def _source_faces(job: InswapperJob, source: Analysis) -> list[AnalysedFace]:
    """Faces whose box is wide or high enough, left to right."""
    least = min(source.width, source.height) * job.min_face_size / 100
    return sorted((face for face in source.faces if max(_width(face), _height(face)) >= least), key=_left)


def _target_faces(job: InswapperJob, faces: Sequence[AnalysedFace]) -> list[AnalysedFace]:
    """Faces in the job's order, or the first of them; ties stay left to right."""
    key, descending = _ORDERS[job.order]
    chosen = sorted(sorted(faces, key=_left), key=key, reverse=descending)
    return chosen[:1] if job.first_only else chosen


def _width(face: AnalysedFace) -> float:
    return face.box.x1 - face.box.x0


def _height(face: AnalysedFace) -> float:
    return face.box.y1 - face.box.y0


def _left(face: AnalysedFace) -> float:
    return face.box.x0


def _top(face: AnalysedFace) -> float:
    return face.box.y0


def _area(face: AnalysedFace) -> float:
    return _width(face) * _height(face)


def _score(face: AnalysedFace) -> float:
    return face.score


_ORDERS: dict[str, tuple[Callable[[AnalysedFace], float], bool]] = {
    "left-right": (_left, False),
    "right-left": (_left, True),
    "top-bottom": (_top, False),
    "small-large": (_area, False),
    "large-small": (_area, True),
    "best-worst": (_score, True),
    "worst-best": (_score, False),
}
"""Sort key and direction of each `face_selector_order`; the names are those of `job.ORDERS`."""
