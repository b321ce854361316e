"""Step `align_faces`: detector outputs to aligned crops, and which source replaces which target face.

Routes a request by what it holds: sources (`face_swap`), embeddings (`face_swap_identity`) or neither
(`face_analysis`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from faceswap_contract.limits import RECOGNITION_SIZE, SWAP_SIZE
from numpy.typing import NDArray

from faceswap_core.buffers.request_images import RequestImages
from faceswap_core.errors import NoFaceInTarget
from faceswap_core.faces.geometry import crop_affine, warp_crop
from faceswap_core.faces.letterbox import letterbox_scale
from faceswap_core.faces.scrfd import DetectorHeads, decode_faces
from faceswap_core.faces.selection import Assignment, SourceChoice, assign_sources, choose_source, ordered_faces
from faceswap_core.options import OnNoFace, Options
from faceswap_core.provenance.xmp.packet import DIGITAL_SOURCE_TYPE
from faceswap_core.types import Face, RgbImage


@dataclass(frozen=True, slots=True)
class AlignedFaces:
    """Output tensors of the step, by name.

    recognition_crops: uint8 [R, 112, 112, 3] RGB; one per source, or one per face when there are no sources.
    swap_crops: uint8 [K, 128, 128, 3] RGB, one per target face to swap.
    face_sources: int32 [K], the row of recognition_crops whose identity each target face gets.
    swap_affines: float64 [K, 2, 3], target pixels (x, y) to crop pixels.
    swap_count: int32 [1]; K is at least 1 because a batching network takes no empty batch, so with a count
        of 0 the one row is a blank.
    faces: UTF-8 JSON, the FACES output.
    faces_found: faces of the target that pass the options' filters.
    """

    recognition_crops: NDArray[np.uint8]
    swap_crops: NDArray[np.uint8]
    face_sources: NDArray[np.int32]
    swap_affines: NDArray[np.float64]
    swap_count: NDArray[np.int32]
    faces: bytes
    faces_found: int


def align_request(
    heads: Sequence[DetectorHeads], images: RequestImages, options: Options, identities: int | None
) -> AlignedFaces:
    """Aligns the faces of whatever kind of request it is.

    Args:
        heads: detector outputs, one per source in order, then the target's.
        identities: how many embeddings the request brought; None where it brought none.

    Raises:
        FaceError, SourceCountMismatch: as `align_faces`.
    """
    if identities is not None:
        return align_faces(heads[-1:], [], images.target, options, identities=identities)
    if images.sources:
        return align_faces(heads, images.sources, images.target, options)
    return align_for_analysis(heads[-1], images.target, options)


def align_faces(
    heads: Sequence[DetectorHeads],
    sources: Sequence[RgbImage],
    target: RgbImage,
    options: Options,
    *,
    identities: int = 0,
) -> AlignedFaces:
    """Aligns the chosen faces of a swap.

    Args:
        heads: detector outputs, one per source in order, then the target's.
        sources: RGB images [h, w, 3]; none when identities come as embeddings.
        target: RGB image [H, W, 3].
        identities: how many embeddings the request brought in place of sources.

    Raises:
        NoFaceInSource, NoFaceInTarget, FaceIndexOutOfRange, SourceCountMismatch.
    """
    choices = [
        choose_source(_found(head, image, options), options, f"SOURCE_IMAGE[{i}]")
        for i, (head, image) in enumerate(zip(heads[:-1], sources, strict=True))
    ]
    faces = _target_faces(heads[-1], target, options)
    if not faces and options.on_no_face is OnNoFace.ERROR:
        raise NoFaceInTarget(
            "TARGET_IMAGE: no face found with "
            f"detection_threshold={options.detection_threshold:g}, min_face_size={options.min_face_size}"
        )
    assignments = assign_sources(len(faces), len(choices) or identities, options) if faces else []
    affines = [crop_affine(faces[each.target].landmarks, SWAP_SIZE) for each in assignments]
    recognition = [_recognition_crop(image, choice.face) for image, choice in zip(sources, choices, strict=True)]
    return AlignedFaces(
        recognition_crops=_rows(recognition, RECOGNITION_SIZE),
        swap_crops=_rows([warp_crop(target, affine, SWAP_SIZE) for affine in affines], SWAP_SIZE),
        face_sources=np.array([each.source for each in assignments] or [0], dtype=np.int32),
        swap_affines=np.array(affines if affines else [np.eye(2, 3)], dtype=np.float64),
        swap_count=np.array([len(assignments)], dtype=np.int32),
        faces=_swap_report(target, faces, assignments, sources, choices),
        faces_found=len(faces),
    )


def align_for_analysis(heads: DetectorHeads, image: RgbImage, options: Options) -> AlignedFaces:
    """Aligns every face of one image for recognition; nothing is swapped."""
    faces = _target_faces(heads, image, options)
    report = {
        "width": image.shape[1],
        "height": image.shape[0],
        "faces": [_described(face, index) for index, face in enumerate(faces)],
    }
    return AlignedFaces(
        recognition_crops=_rows([_recognition_crop(image, face) for face in faces], RECOGNITION_SIZE),
        swap_crops=_rows([], SWAP_SIZE),
        face_sources=np.zeros(1, dtype=np.int32),
        swap_affines=np.eye(2, 3)[np.newaxis],
        swap_count=np.zeros(1, dtype=np.int32),
        faces=_json(report),
        faces_found=len(faces),
    )


def _found(heads: DetectorHeads, image: RgbImage, options: Options) -> list[Face]:
    scale = letterbox_scale(image.shape[0], image.shape[1])
    return decode_faces(heads, options.detection_threshold, scale)


def _target_faces(heads: DetectorHeads, image: RgbImage, options: Options) -> list[Face]:
    found = _found(heads, image, options)
    return ordered_faces(found, min_size=options.min_face_size, most=options.max_faces)


def _recognition_crop(image: RgbImage, face: Face) -> RgbImage:
    return warp_crop(image, crop_affine(face.landmarks, RECOGNITION_SIZE), RECOGNITION_SIZE)


def _rows(crops: Sequence[RgbImage], size: int) -> NDArray[np.uint8]:
    return np.stack(crops) if crops else np.zeros((1, size, size, 3), dtype=np.uint8)


def _swap_report(
    target: RgbImage,
    faces: Sequence[Face],
    assignments: Sequence[Assignment],
    sources: Sequence[RgbImage],
    choices: Sequence[SourceChoice],
) -> bytes:
    source_of = {each.target: each.source for each in assignments}
    described = []
    for index, face in enumerate(faces):
        source = source_of.get(index)
        described.append(
            _described(face, index)
            | {
                "swapped": source is not None,
                "source": source,
                "source_face": None if source is None or not choices else choices[source].index,
            }
        )
    return _json(
        {
            "width": target.shape[1],
            "height": target.shape[0],
            # a raw frame has no metadata to be marked in; an encoded image says the same in its own
            "digital_source_type": DIGITAL_SOURCE_TYPE if assignments else None,
            "faces": described,
            "sources": [
                {"width": image.shape[1], "height": image.shape[0], "faces": choice.faces}
                | _described(choice.face, choice.index)
                for image, choice in zip(sources, choices, strict=True)
            ],
        }
    )


def _described(face: Face, index: int) -> dict[str, object]:
    # rounded to the resolution of float32, about 1e-4 px at 4K
    return {
        "index": index,
        "box": [round(value, 4) for value in face.box],
        "score": round(face.score, 6),
        "landmarks": [[round(float(x), 4), round(float(y), 4)] for x, y in face.landmarks],
    }


def _json(report: dict[str, object]) -> bytes:
    return json.dumps(report, separators=(",", ":"), allow_nan=False).encode()
