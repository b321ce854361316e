"""In-process pipeline: the ensembles' steps and networks called in order, without Triton.

The oracle for tests and for parity; also what a benchmark measures when it wants the steps alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from faceswap_contract.names import PACK_NETWORKS
from faceswap_core.faces.scrfd import STRIDES, DetectorHeads
from faceswap_core.limits import Limits
from faceswap_core.options import parse_options
from faceswap_core.steps.align_faces import AlignedFaces, align_request
from faceswap_core.steps.decode_images import DecodedRequest, DecodeInputs, decode_request
from faceswap_core.steps.paste_faces import SwappedCrops, paste_faces
from faceswap_core.steps.target_image import TargetImage
from numpy.typing import NDArray

HEADS = tuple(f"{kind}_{stride}" for kind in ("scores", "boxes", "landmarks") for stride in STRIDES)


@dataclass(frozen=True, slots=True)
class InProcessSwap:
    """Everything one swap computed."""

    image: bytes
    aligned: AlignedFaces
    embeddings: NDArray[np.float32]
    latents: NDArray[np.float32]
    swapped_crops: NDArray[np.uint8]


class InProcessPipeline:
    """Loads the four networks of a prepared pack or of a model repository.

    Args:
        networks: path of each network's file by name (det_10g, w600k_r50, project_identity, inswapper_128).
        threads: onnxruntime's threads inside one operator.
    """

    def __init__(self, networks: dict[str, Path], threads: int = 2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._sessions = {
            name: onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            for name, path in networks.items()
        }
        self._limits = Limits()

    @classmethod
    def from_repository(cls, repository: Path) -> InProcessPipeline:
        """Uses the networks installed in a model repository."""
        return cls({name: repository / name / "1" / "model.onnx" for name in PACK_NETWORKS})

    def swap(self, sources: Sequence[bytes], target: bytes, **parameters: Any) -> InProcessSwap:
        """What `face_swap` does; raises the errors the server would answer with."""
        options = parse_options(parameters)
        decoded = decode_request(DecodeInputs(sources=sources, target=[target]), options, self._limits)
        aligned = align_request(self.detect(decoded.detector_images), decoded.images, options, None)
        embeddings = self.run("w600k_r50", face=aligned.recognition_crops)[0]
        latents = self.run("project_identity", embedding=embeddings, face_source=aligned.face_sources)[0]
        swapped = self.run("inswapper_128", target=aligned.swap_crops, source=latents)[0]
        crops = SwappedCrops(swapped, aligned.swap_affines, int(aligned.swap_count[0]))
        image = paste_faces(_kept(decoded), crops, options)
        return InProcessSwap(image, aligned, embeddings, latents, swapped)

    def analyse(self, image: bytes, **parameters: Any) -> tuple[AlignedFaces, NDArray[np.float32]]:
        """What `face_analysis` does: the aligned faces and their embeddings."""
        options = parse_options(parameters)
        decoded = decode_request(DecodeInputs(analysed=[image]), options, self._limits)
        aligned = align_request(self.detect(decoded.detector_images), decoded.images, options, None)
        return aligned, self.run("w600k_r50", face=aligned.recognition_crops)[0]

    def detect(self, images: NDArray[np.uint8]) -> list[DetectorHeads]:
        """Detector outputs, one per letterboxed image."""
        outputs = dict(zip(HEADS, self._sessions["det_10g"].run(list(HEADS), {"image": images}), strict=True))
        return [
            DetectorHeads(
                scores=[outputs[f"scores_{stride}"][row] for stride in STRIDES],
                boxes=[outputs[f"boxes_{stride}"][row] for stride in STRIDES],
                landmarks=[outputs[f"landmarks_{stride}"][row] for stride in STRIDES],
            )
            for row in range(len(images))
        ]

    def run(self, network: str, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs of one network, in its own order."""
        outputs: list[NDArray[Any]] = self._sessions[network].run(None, inputs)
        return outputs


def _kept(decoded: DecodedRequest) -> TargetImage:
    if decoded.target is None:
        raise ValueError("only the target of a swap is kept")
    return decoded.target
