"""Triton entry of the step `decode_images`; what it computes is in faceswap_core.steps.decode_images."""

from __future__ import annotations

from faceswap_core.frames.leasing import NewLease
from faceswap_core.frames.request_frames import Allocate
from faceswap_core.steps.decode_images import DecodedRequest, accept_frame, check_identities, decode_images
from faceswap_core.triton.adapter import FRAMES, StepModel, StepRequest, Tensors, outputs_of


class TritonPythonModel(StepModel):
    def step(self, request: StepRequest) -> Tensors:
        with NewLease(self.store) as new:
            decoded = self.decode(request, new.allocate)
            return {FRAMES: new.lease.encode()} | outputs_of(decoded, FRAMES)

    def decode(self, request: StepRequest, allocate: Allocate) -> DecodedRequest:
        options = request.options()  # refused here, before anything is decoded; later steps can rely on them
        if request.has("source_embeddings"):
            check_identities(request.array("source_embeddings"), self.limits)
        if request.has("raw_frame") and not request.has("target_image"):
            return accept_frame(request.array("raw_frame"), options, self.limits, allocate)
        analysis = not request.has("source_image") and not request.has("source_embeddings")
        return decode_images(
            request.pictures("source_image"),
            request.pictures("target_image"),
            self.limits,
            needs_source=request.has("source_image"),
            target_name="IMAGE" if analysis else "TARGET_IMAGE",
            max_side=options.max_side,
            allocate=allocate,
        )
