"""Parity checks between insightface and the served ensemble, each with its tolerance."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from faceswap_client import Analysis, Client
from faceswap_core.faces.geometry import crop_affine, warp_crop
from faceswap_core.types import RgbImage
from numpy.typing import NDArray
from PIL import Image
from tritonclient.grpc import InferenceServerClient, InferInput

from faceswap_tools.parity.cases import ParityCase
from faceswap_tools.parity.reference import Reference, ReferenceFaces
from faceswap_tools.parity.result import ParityRow, at_least, at_most


class ParityCheck:
    """Compares one source on one target after another.

    Args:
        reference: insightface.
        client, triton: the served ensemble, and its networks one by one.
        source: RGB image of the identity; its largest face is taken.
    """

    def __init__(self, reference: Reference, address: str, source: RgbImage) -> None:
        self._reference = reference
        self._client = Client(address, timeout=300.0)
        self._triton = InferenceServerClient(address)
        self._source = source
        self._source_png = as_png(source)
        faces = reference.find(source).faces
        self._source_face = max(faces, key=lambda face: (face.bbox[2] - face.bbox[0]) * (face.bbox[3] - face.bbox[1]))

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()
        self._triton.close()

    def run(self, case: ParityCase) -> Iterator[ParityRow]:
        """The rows of one photograph."""
        image = case.image()
        encoded = as_png(image)
        theirs = self._reference.find(image)
        ours = self._client.faces(encoded)
        yield at_most(f"{case.name}: number of faces, difference", abs(len(ours.faces) - len(theirs.faces)), "", 0)
        if len(ours.faces) != len(theirs.faces) or not ours.faces:
            yield at_least(f"{case.name}: faces found", len(ours.faces), "", 1)
            return
        yield from self._detection(case, ours, theirs)
        yield from self._identity(case)
        yield from self._crops(case, image, theirs)
        yield from self._images(case, image, encoded, theirs)

    def _detection(self, case: ParityCase, ours: Analysis, theirs: ReferenceFaces) -> Iterator[ParityRow]:
        by_score = sorted(ours.faces, key=lambda face: -face.score)
        boxes = np.array([face.box for face in by_score])
        landmarks = np.array([face.landmarks for face in by_score])
        scores = np.array([face.score for face in by_score])
        yield at_most(f"{case.name}: boxes, same order", np.abs(boxes - theirs.boxes).max(), "px", 0.01)
        their_landmarks = np.array([face.kps for face in theirs.faces])
        yield at_most(f"{case.name}: landmarks", np.abs(landmarks - their_landmarks).max(), "px", 0.01)
        their_scores = np.array([face.det_score for face in theirs.faces])
        yield at_most(f"{case.name}: scores", np.abs(scores - their_scores).max(), "", 1e-5)
        cosines = [cosine(mine.embedding, face.embedding) for mine, face in zip(by_score, theirs.faces, strict=True)]
        yield at_least(f"{case.name}: embeddings, cosine", min(cosines), "", 0.999999)

    def _identity(self, case: ParityCase) -> Iterator[ParityRow]:
        latent = self._latent()
        difference = np.abs(latent - self._reference.latent(self._source_face)).max()
        yield at_most(f"{case.name}: latent", difference, "", 1e-5)

    def _latent(self) -> NDArray[np.float32]:
        faces = self._client.faces(self._source_png).faces
        mine = max(faces, key=lambda face: (face.box.x1 - face.box.x0) * (face.box.y1 - face.box.y0))
        embedding = mine.embedding.reshape(1, 512)
        return self._infer("project_identity", "latent", embedding=embedding, face_source=np.zeros(1, np.int32))

    def _crops(self, case: ParityCase, image: RgbImage, theirs: ReferenceFaces) -> Iterator[ParityRow]:
        crops = [warp_crop(image, crop_affine(face.kps, 128), 128) for face in theirs.faces]
        latents = np.repeat(self._reference.latent(self._source_face).astype(np.float32), len(crops), axis=0)
        ours = self._infer("inswapper_128", "swapped", target=np.stack(crops), source=latents)
        worst = 0
        for mine, face in zip(ours, theirs.faces, strict=True):
            crop = self._reference.crop(image, face, self._source_face)
            worst = max(worst, int(np.abs(mine.astype(np.int16) - crop.astype(np.int16)).max()))
        yield at_most(f"{case.name}: swapped crops", worst, "levels", 0)

    def _images(self, case: ParityCase, image: RgbImage, encoded: bytes, theirs: ReferenceFaces) -> Iterator[ParityRow]:
        expected = self._reference.swap(image, theirs.faces, self._source_face).astype(np.int16)
        changed = (expected != image).any(axis=2)
        for blend, most, mean in (("exact", 2, 0.02), ("fast", 4, 0.5)):
            if blend == "fast" and not case.inside:
                continue
            result = self._client.swap(self._source_png, encoded, blend=blend, output_format="png")  # type: ignore[arg-type]
            difference = np.abs(result.to_array().astype(np.int16) - expected)
            yield at_most(f"{case.name}: image, {blend}, worst pixel", difference.max(), "levels", most)
            yield at_most(f"{case.name}: image, {blend}, mean inside", difference[changed].mean(), "levels", mean)
            if blend == "exact":
                outside = difference[~changed].max() if (~changed).any() else 0
                yield at_most(f"{case.name}: image, {blend}, outside", outside, "levels", 0)

    def _infer(self, model: str, output: str, **inputs: NDArray[Any]) -> NDArray[Any]:
        tensors = []
        for name, array in inputs.items():
            tensor = InferInput(name, list(array.shape), _TYPES[array.dtype.name])
            tensor.set_data_from_numpy(np.ascontiguousarray(array))
            tensors.append(tensor)
        answer: NDArray[Any] = self._triton.infer(model, tensors).as_numpy(output)
        return answer


_TYPES = {"uint8": "UINT8", "float32": "FP32", "int32": "INT32"}


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Cosine of the angle between two vectors, in float64."""
    first, second = a.astype(np.float64), b.astype(np.float64)
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def as_png(rgb: RgbImage) -> bytes:
    """Lossless, so that both sides see the same pixels."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
