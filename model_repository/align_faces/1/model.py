"""Triton entry of the step `align_faces`; what it computes is in faceswap_core.steps.align_faces."""

from __future__ import annotations

from faceswap_core.frames.request_frames import RequestFrames
from faceswap_core.scrfd import STRIDES, DetectorHeads
from faceswap_core.steps.align_faces import AlignedFaces, align_faces, align_for_analysis
from faceswap_core.triton.adapter import StepModel, StepRequest, Tensors, outputs_of


class TritonPythonModel(StepModel):
    def step(self, request: StepRequest) -> Tensors:
        lease = request.lease()
        aligned = self.align(request, self.store.open(lease))
        if lease.sources or request.has("source_embeddings"):
            self.store.give_back_sources(lease)
        else:
            self.store.give_back(lease)  # an analysis ends here
        return outputs_of(aligned)

    def align(self, request: StepRequest, frames: RequestFrames) -> AlignedFaces:
        levels = {
            kind: [request.array(f"{kind}_{stride}") for stride in STRIDES] for kind in ("scores", "boxes", "landmarks")
        }
        heads = [
            DetectorHeads(**{kind: [level[picture] for level in arrays] for kind, arrays in levels.items()})
            for picture in range(len(levels["scores"][0]))
        ]
        if request.has("source_embeddings"):
            identities = len(request.array("source_embeddings"))
            return align_faces(heads, [], frames.target, request.options(), identities=identities)
        if not frames.sources:
            return align_for_analysis(heads[-1], frames.target, request.options())
        return align_faces(heads, frames.sources, frames.target, request.options())
