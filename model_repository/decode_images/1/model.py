"""Triton entry of the step `decode_images`; what it computes is in faceswap_core.steps.decode_images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from faceswap_core.buffers.new_lease import NewLease
from faceswap_core.buffers.request_images import Allocate
from faceswap_core.provenance.audit.request_record import RequestRecord
from faceswap_core.provenance.gate.installed import installed_gate
from faceswap_core.provenance.settings import ProvenanceSettings
from faceswap_core.steps.decode_images import DecodedRequest, accept_frame, check_identities, decode_images
from faceswap_core.triton.adapter import Tensors, outputs_of
from faceswap_core.triton.admitting_step import AdmittingStep
from faceswap_core.triton.step_request import FRAMES, RECORD, StepRequest


class TritonPythonModel(AdmittingStep):
    def prepare(self, repository: Path, settings: ProvenanceSettings) -> None:
        self.gate = installed_gate(repository, settings)

    def step(self, request: StepRequest) -> Tensors:
        pasted_into = [] if is_analysis(request) else request.images("target_image")
        with NewLease(self.store, encoded=b"".join(pasted_into)) as new:
            decoded = self.decode(request, new.allocate)
            identities = len(request.array("source_embeddings")) if request.has("source_embeddings") else 0
            record = replace(self.record(request), source_formats=decoded.source_formats or ("",) * identities)
            made = {FRAMES: new.lease.encode(), RECORD: record.encode()}
            made["gate_images"] = self.gate.images([*decoded.frames.sources, decoded.frames.target])
            return made | outputs_of(decoded, FRAMES, "source_formats")

    def record(self, request: StepRequest) -> RequestRecord:
        task = "analysis" if is_analysis(request) else "swap"
        if self.audit is None:
            return RequestRecord(task)
        encoded = request.images("target_image")
        target = encoded[0] if encoded else request.array("raw_frame")
        return replace(self.audit.hashes(request.images("source_image"), target), task=task)

    def decode(self, request: StepRequest, allocate: Allocate) -> DecodedRequest:
        options = request.options()  # refused here, before anything is decoded; later steps can rely on them
        pastes_nobody = is_analysis(request) and "target_alpha" in request.wanted  # the embeddings are missing, then
        if request.has("source_embeddings") or pastes_nobody:
            check_identities(request.array("source_embeddings"), self.limits)
        if request.has("raw_frame") and not request.has("target_image"):
            return accept_frame(request.array("raw_frame"), options, self.limits, allocate)
        return decode_images(
            request.images("source_image"),
            request.images("target_image"),
            self.limits,
            needs_source=request.has("source_image"),
            target_name="IMAGE" if is_analysis(request) else "TARGET_IMAGE",
            max_side=options.max_side,
            allocate=allocate,
        )


def is_analysis(request: StepRequest) -> bool:
    return not request.has("source_image") and not request.has("source_embeddings")
