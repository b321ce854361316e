"""Triton entry of the step `paste_faces`; what it computes is in faceswap_core.steps.paste_faces."""

from __future__ import annotations

from faceswap_core.image_decoding import KeptMetadata
from faceswap_core.steps.paste_faces import NO_FRAME, SwappedCrops, TargetPicture, paste_all, paste_faces
from faceswap_core.triton.adapter import StepModel, StepRequest, Tensors
from faceswap_core.types import Picture


class TritonPythonModel(StepModel):
    def step(self, request: StepRequest) -> Tensors:
        lease = request.lease()
        outputs = self.paste(request, self.store.open_target(lease))
        self.store.give_back(lease)
        return outputs

    def paste(self, request: StepRequest, frame: Picture) -> Tensors:
        alpha, density = request.array("target_alpha"), request.array("target_density")
        crops = SwappedCrops(
            crops=request.array("swapped_crops"),
            affines=request.array("swap_affines"),
            count=int(request.array("swap_count")[0]),
        )
        if not request.has("target_image"):
            paste_all(frame, crops, request.options().blend)
            return {"swapped_image": b"", "swapped_frame": frame.copy()}  # the frame's memory is given back
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
