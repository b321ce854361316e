"""Triton entry of the step `align_faces`; what it computes is in faceswap_core.steps.align_faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from faceswap_core.buffers.orphaned_leases import TO_PASTE, TO_PASTE_IDENTITY
from faceswap_core.buffers.request_images import RequestImages
from faceswap_core.faces.scrfd import STRIDES, DetectorHeads
from faceswap_core.provenance.audit.log import Ending
from faceswap_core.provenance.gate.installed import installed_gate
from faceswap_core.provenance.settings import ProvenanceSettings
from faceswap_core.steps.align_faces import AlignedFaces, align_faces, align_for_analysis
from faceswap_core.triton.adapter import StepModel, Tensors, outputs_of
from faceswap_core.triton.content_refusals import ContentRefusals
from faceswap_core.triton.step_request import StepRequest


class TritonPythonModel(StepModel):
    def prepare(self, repository: Path, settings: ProvenanceSettings) -> None:
        self.refusals = ContentRefusals(installed_gate(repository, settings))

    def step(self, request: StepRequest) -> Tensors:
        lease, record = request.lease(), self.record(request)
        self.refusals.check(request.array("gate_scores"), images=len(lease.sources) + 1)  # before anything else
        aligned = self.align(request, self.store.open(lease))
        swapped = int(aligned.swap_count[0])
        record = replace(record, faces_found=aligned.faces_found, faces_swapped=swapped)
        if lease.sources or request.has("source_embeddings"):
            self.store.release_sources(lease)
            self.store.relay(lease, TO_PASTE if lease.sources else TO_PASTE_IDENTITY)
        else:
            self.store.release(lease)  # an analysis ends here
            request.ending = Ending(record)
        return outputs_of(aligned, "faces_found") | {"face_record": record.encode()}

    def align(self, request: StepRequest, frames: RequestImages) -> AlignedFaces:
        levels = {
            kind: [request.array(f"{kind}_{stride}") for stride in STRIDES] for kind in ("scores", "boxes", "landmarks")
        }
        heads = [
            DetectorHeads(**{kind: [level[image] for level in arrays] for kind, arrays in levels.items()})
            for image in range(len(levels["scores"][0]))
        ]
        if request.has("source_embeddings"):
            identities = len(request.array("source_embeddings"))
            return align_faces(heads, [], frames.target, request.options(), identities=identities)
        if not frames.sources:
            return align_for_analysis(heads[-1], frames.target, request.options())
        return align_faces(heads, frames.sources, frames.target, request.options())
