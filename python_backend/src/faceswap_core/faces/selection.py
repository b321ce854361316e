"""Face selection: filters and order of faces, and which source replaces which target face.

The order everywhere is left to right by box centre (ties: top to bottom). Indexes are positions in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faceswap_core.errors import FaceIndexOutOfRange, NoFaceInSource, SourceCountMismatch
from faceswap_core.options import MAX_FACES, Options
from faceswap_core.types import Face


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """The face taken from one source image; `index` is its position among the `faces` found there."""

    face: Face
    index: int
    faces: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """Target face `target` (index) is replaced by the face chosen from source image `source`."""

    target: int
    source: int


def ordered_faces(faces: Sequence[Face], *, min_size: float = 0.0, most: int = MAX_FACES) -> list[Face]:
    """Drops faces whose shorter side is below `min_size` pixels, keeps the `most` largest, sorts left to right."""
    large = [face for face in faces if face.shorter_side >= min_size]
    largest = sorted(large, key=lambda face: -face.area)[:most]
    return sorted(largest, key=lambda face: (face.centre_x, face.box[1]))


def choose_source(found: Sequence[Face], options: Options, name: str) -> SourceChoice:
    """Picks the face of one source image: `options.source_face`, or the largest by box area.

    Raises:
        NoFaceInSource: `found` is empty. `name` (such as SOURCE_IMAGE[0]) is the image's in the message.
        FaceIndexOutOfRange: the index does not exist.
    """
    faces = ordered_faces(found)
    if not faces:
        raise NoFaceInSource(f"{name}: no face found with detection_threshold={options.detection_threshold:g}")
    if options.source_face is None:
        index = max(range(len(faces)), key=lambda i: faces[i].area)
    else:
        index = options.source_face
        _check_index("source_face", index, len(faces), name)
    return SourceChoice(face=faces[index], index=index, faces=len(faces))


def assign_sources(target_faces: int, sources: int, options: Options) -> list[Assignment]:
    """Decides which source replaces which target face, in the order of `options.target_faces`.

    Without that option all faces are chosen, left to right. One source goes to every chosen face; several sources go
    one to one, the first to the first chosen face.

    Raises:
        FaceIndexOutOfRange: `options.target_faces` names a face that was not found.
        SourceCountMismatch: several sources, but not one per chosen face.
    """
    chosen = tuple(range(target_faces)) if options.target_faces is None else options.target_faces
    for index in chosen:
        _check_index("target_faces", index, target_faces, "TARGET_IMAGE")
    if sources > 1 and sources != len(chosen):
        raise SourceCountMismatch(
            f"{sources} source images for {len(chosen)} target faces: send one source, or as many as faces to "
            "swap (choose them with target_faces)"
        )
    return [Assignment(target=index, source=i if sources > 1 else 0) for i, index in enumerate(chosen)]


def _check_index(option: str, index: int, count: int, name: str) -> None:
    if index >= count:
        allowed = f"0 to {count - 1}" if count else "none"
        raise FaceIndexOutOfRange(f"{option}={index}: {name} has {count} face(s), allowed indexes: {allowed}")
