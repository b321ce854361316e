"""Triton entry of the step `align_faces`; what it computes is in faceswap_core.steps.align_faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
from faceswap_core.scrfd import STRIDES, DetectorHeads
from faceswap_core.steps.align_faces import AlignedFaces, align_faces, align_for_analysis
from faceswap_core.steps.frames import unpack_frames
from faceswap_core.triton.adapter import StepRequest, Tensors, outputs_of, serve


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        cv2.setNumThreads(1)  # instances are the parallelism

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        return serve(requests, self.step)

    def step(self, request: StepRequest) -> Tensors:
        return outputs_of(self.align(request))

    def align(self, request: StepRequest) -> AlignedFaces:
        levels = {
            kind: [request.array(f"{kind}_{stride}") for stride in STRIDES] for kind in ("scores", "boxes", "landmarks")
        }
        heads = [
            DetectorHeads(**{kind: [level[picture] for level in arrays] for kind, arrays in levels.items()})
            for picture in range(len(levels["scores"][0]))
        ]
        target = request.array("target_frame")
        if request.has("source_embeddings"):
            identities = len(request.array("source_embeddings"))
            return align_faces(heads, [], target, request.options(), identities=identities)
        if not request.has("source_frames"):
            return align_for_analysis(heads[-1], target, request.options())
        sources = unpack_frames(request.array("source_frames"), request.array("source_sizes"))
        return align_faces(heads, sources, target, request.options())
