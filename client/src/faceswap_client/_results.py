"""Response types: faces, the swapped image, the analysis of an image.

Coordinates are pixels of the upright image (EXIF orientation applied), x to the right, y down, origin in the upper
left corner. Faces are ordered left to right by the centre of their box; `index` is the place in that order.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceswap_client._errors import BadAnswer
from faceswap_client._files import write_atomically


class Point(NamedTuple):
    """A point in the upright image, in pixels."""

    x: float
    y: float


class Box(NamedTuple):
    """A rectangle in the upright image, in pixels; it may reach over the image's edges."""

    x0: float
    y0: float
    x1: float
    y1: float


class Landmarks(NamedTuple):
    """Five points; left and right are as seen in the image."""

    left_eye: Point
    right_eye: Point
    nose: Point
    left_mouth: Point
    right_mouth: Point


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face."""

    index: int  # from 0, left to right in its image
    box: Box
    score: float  # the detector's, 0 to 1
    landmarks: Landmarks


@dataclass(frozen=True, slots=True)
class TargetFace(Face):
    """A face of the target, and which source face replaced it."""

    swapped: bool
    source: int | None  # index of the source image, None when not swapped
    source_face: int | None  # index of the face in that source image, None when not swapped


@dataclass(frozen=True, slots=True)
class SourceFace(Face):
    """The face that was chosen in a source image."""

    width: int  # of the source image, pixels
    height: int
    faces: int  # how many faces the source image shows


@dataclass(frozen=True, slots=True)
class AnalysedFace(Face):
    """A face and its embedding. Embeddings are biometric data: they are left out of `repr` and of comparison."""

    embedding: NDArray[np.float32] = field(repr=False, compare=False)  # float32 [512], as the recogniser gives it


@dataclass(frozen=True, slots=True)
class SwapResult:
    """A swapped image and the faces in it."""

    image: bytes = field(repr=False)  # encoded
    format: str  # "jpeg", "png" or "webp"
    width: int  # pixels
    height: int
    faces: tuple[TargetFace, ...]  # every face found in the target, swapped or not
    sources: tuple[SourceFace, ...]  # one per source image, in the order sent
    request_id: str = ""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the encoded image to `path` atomically; the name's ending does not change the format.

        Raises:
            OSError: cannot be written.
        """
        write_atomically(path, self.image)

    def to_array(self) -> NDArray[np.uint8]:
        """The image as uint8 RGB [height, width, 3]; an alpha channel is left out."""
        with Image.open(io.BytesIO(self.image)) as image:
            return np.array(image.convert("RGB"), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Analysis:
    """The faces of one image."""

    width: int  # pixels
    height: int
    faces: tuple[AnalysedFace, ...]
    request_id: str = ""


def swap_result(image: bytes, faces_json: bytes, request_id: str) -> SwapResult:
    """Builds a SwapResult; raises BadAnswer when `faces_json` is not what the contract says."""

    def build(document: dict[str, Any]) -> SwapResult:
        return SwapResult(
            image=image,
            format=image_format(image),
            width=int(document["width"]),
            height=int(document["height"]),
            faces=tuple(_target_face(entry) for entry in document["faces"]),
            sources=tuple(_source_face(entry) for entry in document.get("sources") or ()),
            request_id=request_id,
        )

    return _read(faces_json, build)


def with_known_sources(result: SwapResult, sources: Sequence[SourceFace]) -> SwapResult:
    """The result of a swap of cached sources, completed with the source faces that the server was not sent."""
    if not sources:
        return result
    faces = tuple(
        replace(face, source_face=sources[face.source].index) if face.source is not None else face
        for face in result.faces
    )
    return replace(result, faces=faces, sources=tuple(sources))


def analysis(faces_json: bytes, embeddings: NDArray[np.float32], request_id: str) -> Analysis:
    """Builds an Analysis; `embeddings` is float32 [max(faces, 1), 512]; without a face its only row is padding."""

    def build(document: dict[str, Any]) -> Analysis:
        entries = document["faces"]
        if embeddings.ndim != 2 or len(embeddings) < len(entries):
            raise BadAnswer(f"{len(entries)} faces but embeddings of shape {list(embeddings.shape)}")
        return Analysis(
            width=int(document["width"]),
            height=int(document["height"]),
            faces=tuple(AnalysedFace(*_found(entry), row) for entry, row in zip(entries, embeddings, strict=False)),
            request_id=request_id,
        )

    return _read(faces_json, build)


def image_format(image: bytes) -> str:
    """Format of an encoded image by its signature; empty for one that the server never sends."""
    if image.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if image.startswith(b"RIFF") and image[8:12] == b"WEBP":
        return "webp"
    return ""


_Result = TypeVar("_Result")


def _read(faces_json: bytes, build: Callable[[dict[str, Any]], _Result]) -> _Result:
    try:
        return build(json.loads(faces_json))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadAnswer(f"the description of the faces cannot be read ({type(error).__name__})") from error


def _found(entry: dict[str, Any]) -> tuple[int, Box, float, Landmarks]:
    points = (Point(float(x), float(y)) for x, y in entry["landmarks"])
    return int(entry["index"]), Box(*map(float, entry["box"])), float(entry["score"]), Landmarks(*points)


def _target_face(entry: dict[str, Any]) -> TargetFace:
    return TargetFace(*_found(entry), bool(entry["swapped"]), entry["source"], entry["source_face"])


def _source_face(entry: dict[str, Any]) -> SourceFace:
    return SourceFace(*_found(entry), int(entry["width"]), int(entry["height"]), int(entry["faces"]))
