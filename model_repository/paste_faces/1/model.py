"""Triton entry of the step `paste_faces`; what it computes is in faceswap_core.steps.paste_faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
from faceswap_core.image_decoding import KeptMetadata
from faceswap_core.limits import limits_from_environment
from faceswap_core.steps.paste_faces import NO_FRAME, SwappedCrops, TargetPicture, paste_all, paste_faces
from faceswap_core.triton.adapter import StepRequest, Tensors, serve


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        cv2.setNumThreads(1)  # instances are the parallelism
        self.limits = limits_from_environment()

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        return serve(requests, self.step)

    def step(self, request: StepRequest) -> Tensors:
        alpha, density = request.array("target_alpha"), request.array("target_density")
        crops = SwappedCrops(
            crops=request.array("swapped_crops"),
            affines=request.array("swap_affines"),
            count=int(request.array("swap_count")[0]),
        )
        frame = request.writable_array("target_frame")
        if not request.has("target_image"):
            paste_all(frame, crops, request.options().blend)
            return {"swapped_image": b"", "swapped_frame": frame}
        target = TargetPicture(
            encoded=request.pictures("target_image")[0],
            frame=frame,
            alpha=alpha if alpha.size else None,
            kept=KeptMetadata(
                icc_profile=request.pictures("target_profile")[0] or None,
                pixels_per_metre=tuple(density.tolist()) if density.any() else None,
            ),
        )
        swapped = paste_faces(target, crops, request.options(), self.limits)
        return {"swapped_image": swapped, "swapped_frame": NO_FRAME}
