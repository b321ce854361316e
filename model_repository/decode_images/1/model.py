"""Triton entry of the step `decode_images`; what it computes is in faceswap_core.steps.decode_images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
from faceswap_core.limits import limits_from_environment
from faceswap_core.steps.decode_images import DecodedRequest, accept_frame, check_identities, decode_images
from faceswap_core.triton.adapter import StepRequest, Tensors, outputs_of, serve


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        cv2.setNumThreads(1)  # instances are the parallelism; OpenCV's own threads would fight over the cores
        self.limits = limits_from_environment()

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        return serve(requests, self.step)

    def step(self, request: StepRequest) -> Tensors:
        return outputs_of(self.decode(request))

    def decode(self, request: StepRequest) -> DecodedRequest:
        options = request.options()  # refused here, before anything is decoded; later steps can rely on them
        if request.has("source_embeddings"):
            check_identities(request.array("source_embeddings"), self.limits)
        if request.has("raw_frame") and not request.has("target_image"):
            return accept_frame(request.array("raw_frame"), options, self.limits)
        analysis = not request.has("source_image") and not request.has("source_embeddings")
        return decode_images(
            request.pictures("source_image"),
            request.pictures("target_image"),
            self.limits,
            needs_source=request.has("source_image"),
            target_name="IMAGE" if analysis else "TARGET_IMAGE",
        )
