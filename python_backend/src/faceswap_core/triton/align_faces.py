"""Triton model `align_faces`: tensors to `steps.align_faces`; an analysis ends here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from faceswap_core.buffers.orphaned_leases import TO_PASTE, TO_PASTE_IDENTITY
from faceswap_core.faces.scrfd import STRIDES, DetectorHeads
from faceswap_core.provenance.audit.log import Ending
from faceswap_core.provenance.gate.installed import installed_gate
from faceswap_core.provenance.settings import ProvenanceSettings
from faceswap_core.steps.align_faces import align_request
from faceswap_core.triton.adapter import StepModel, Tensors
from faceswap_core.triton.content_refusals import ContentRefusals
from faceswap_core.triton.step_request import StepRequest


class TritonPythonModel(StepModel):
    """The second step."""

    refusals: ContentRefusals

    def prepare(self, repository: Path, settings: ProvenanceSettings) -> None:
        """Loads the settings of the content gate."""
        self.refusals = ContentRefusals(installed_gate(repository, settings))

    def step(self, request: StepRequest) -> Tensors:
        """Aligns faces, and passes the lease on to `paste_faces` unless the request ends here."""
        lease, record = request.lease(), self.record(request)
        self.refusals.check(request.array("gate_scores"), images=len(lease.sources) + 1)  # before anything else
        embeddings = request.optional_array("source_embeddings")
        identities = None if embeddings is None else len(embeddings)
        aligned = align_request(_heads(request), self.pool.open(lease), request.options(), identities)
        swapped = int(aligned.swap_count[0])
        record = replace(record, faces_found=aligned.faces_found, faces_swapped=swapped)
        if lease.sources or identities is not None:
            self.pool.release_sources(lease)
            self.pool.move_to(lease, TO_PASTE if lease.sources else TO_PASTE_IDENTITY)
        else:
            self.pool.release(lease)
            request.ending = Ending(record)
        return {
            "recognition_crops": aligned.recognition_crops,
            "swap_crops": aligned.swap_crops,
            "face_sources": aligned.face_sources,
            "swap_affines": aligned.swap_affines,
            "swap_count": aligned.swap_count,
            "faces": aligned.faces,
            "face_record": record.encode(),
        }


def _heads(request: StepRequest) -> list[DetectorHeads]:
    """The detector's outputs, one per image: the sources in order, the target last."""
    scores, boxes, landmarks = (
        [request.array(f"{kind}_{stride}") for stride in STRIDES] for kind in ("scores", "boxes", "landmarks")
    )
    return [
        DetectorHeads(
            scores=[level[image] for level in scores],
            boxes=[level[image] for level in boxes],
            landmarks=[level[image] for level in landmarks],
        )
        for image in range(len(scores[0]))
    ]
