"""Serialisation of results as plain JSON, and the size of the encoded answer.

The platform drops an answer over its limit after the work is done, and the caller sees COMPLETED without output. So
the size is computed before anything is returned.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from faceswap_client import Analysis, Face, SourceFace, SwapResult, TargetFace

Document = dict[str, Any]

ENVELOPE = 1024
"""Bytes reserved for what the SDK and the platform add around `output`: ids, times, status."""


def swap_document(result: SwapResult, link: str | None = None, reencoded_quality: int | None = None) -> Document:
    """A swap as JSON: `image` in base64, or `url` when there is a link."""
    document: Document = {"url": link} if link else {"image": base64.b64encode(result.image).decode("ascii")}
    document |= {
        "format": result.format,
        "width": result.width,
        "height": result.height,
        "faces": [_face(face) for face in result.faces],
        "sources": [_face(face) for face in result.sources],
    }
    if reencoded_quality is not None:
        document["reencoded"] = {"format": result.format, "quality": reencoded_quality}
    return document


def faces_document(result: Analysis) -> Document:
    """An analysis as JSON; `embedding` is base64 of 512 float32, little-endian."""
    faces = []
    for face in result.faces:
        row = np.ascontiguousarray(face.embedding, dtype="<f4").tobytes()
        faces.append(_face(face) | {"embedding": base64.b64encode(row).decode("ascii")})
    return {"width": result.width, "height": result.height, "faces": faces}


def encoded_size(documents: Sequence[Document]) -> int:
    """Bytes of the answer that holds these documents, its envelope included."""
    # images are ASCII and need no escapes, so they are counted without being copied
    images = sum(len(document.get("image", "")) for document in documents)
    rest = [{key: value for key, value in document.items() if key != "image"} for document in documents]
    return images + 16 * len(documents) + len(json.dumps(rest, ensure_ascii=False).encode()) + ENVELOPE


def _face(face: Face) -> Document:
    document: Document = {
        "index": face.index,
        "box": list(face.box),
        "score": face.score,
        "landmarks": [list(point) for point in face.landmarks],
    }
    if isinstance(face, TargetFace):
        document |= {"swapped": face.swapped, "source": face.source, "source_face": face.source_face}
    if isinstance(face, SourceFace):
        document |= {"width": face.width, "height": face.height, "faces": face.faces}
    return document
