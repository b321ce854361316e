"""Triton entry of the step `paste_faces`; what it computes is in faceswap_core.steps.paste_faces."""

from __future__ import annotations

from pathlib import Path

from faceswap_core.codecs.decoding import KeptMetadata
from faceswap_core.options import Label
from faceswap_core.provenance.audit.log import Ending
from faceswap_core.provenance.deployment import signer_of
from faceswap_core.provenance.result_marks import ResultMarks
from faceswap_core.provenance.settings import ProvenanceSettings
from faceswap_core.steps.paste_faces import NO_FRAME, SwappedCrops, TargetImage, paste_faces, paste_into_frame
from faceswap_core.triton.adapter import StepModel, Tensors
from faceswap_core.triton.step_request import StepRequest
from faceswap_core.types import RgbImage


class TritonPythonModel(StepModel):
    def prepare(self, repository: Path, settings: ProvenanceSettings) -> None:
        self.marks = ResultMarks(signer_of(settings), settings.label)

    def step(self, request: StepRequest) -> Tensors:
        lease, record, options = request.lease(), self.record(request), request.options()
        crops = SwappedCrops(
            crops=request.array("swapped_crops"),
            affines=request.array("swap_affines"),
            count=int(request.array("swap_count")[0]),
        )
        frame = self.store.open_target(lease)
        labelled = crops.count > 0 and self.marks.label(options) is not Label.OFF
        encoded = self.store.encoded_target(lease)
        if encoded:
            target = self.target(request, encoded, frame)
            formats = record.source_formats
            image = paste_faces(target, crops, options, self.limits, marks=self.marks, source_formats=formats)
            signed = self.marks.sign_state if crops.count else "off"
            request.ending = Ending(record, image, crops.count > 0, signed, labelled)
            outputs: Tensors = {"swapped_image": image, "swapped_frame": NO_FRAME}
        else:
            paste_into_frame(frame, crops, options, self.marks)
            copy = frame.copy()  # the frame's memory is given back
            request.ending = Ending(record, copy, labelled=labelled)
            outputs = {"swapped_image": b"", "swapped_frame": copy}
        self.store.release(lease)
        return outputs

    def target(self, request: StepRequest, encoded: bytes, frame: RgbImage) -> TargetImage:
        alpha, density = request.array("target_alpha"), request.array("target_density")
        return TargetImage(
            encoded=encoded,
            frame=frame,
            alpha=alpha if alpha.size else None,
            kept=KeptMetadata(
                icc_profile=request.images("target_profile")[0] or None,
                pixels_per_metre=tuple(density.tolist()) if density.any() else None,
            ),
        )
