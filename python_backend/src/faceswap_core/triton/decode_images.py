"""Triton model `decode_images`: tensors to `steps.decode_images`, buffers leased from the pool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from faceswap_core.buffers.new_lease import NewLease
from faceswap_core.errors import ContentRefused, FaceSwapError, InvalidTensor
from faceswap_core.provenance.audit.records import Task
from faceswap_core.provenance.audit.request_record import RequestRecord
from faceswap_core.provenance.gate.installed import ContentGate, GateImages, installed_gate
from faceswap_core.provenance.settings import ProvenanceSettings
from faceswap_core.steps.decode_images import DecodeInputs, decode_request
from faceswap_core.triton.adapter import Tensors
from faceswap_core.triton.admitting_step import AdmittingStep
from faceswap_core.triton.content_refusals import ContentRefusals
from faceswap_core.triton.step_request import LEASE, RECORD, StepRequest


class TritonPythonModel(AdmittingStep):
    """The first step; admits requests."""

    gate: ContentGate
    refusals: ContentRefusals

    def prepare(self, repository: Path, settings: ProvenanceSettings) -> None:
        """Loads the settings of the content gate."""
        self.gate = installed_gate(repository, settings)
        self.refusals = ContentRefusals(self.gate)

    def failed(self, error: FaceSwapError) -> None:
        """Counts refusals, for lack of room and of images that cannot be judged."""
        super().failed(error)
        if isinstance(error, ContentRefused):
            self.refusals.count_undecided()

    def step(self, request: StepRequest) -> Tensors:
        """Decodes into leased buffers; a failure releases them."""
        inputs, options = _inputs(request), request.options()
        seen = GateImages(self.gate)
        look = seen.look
        with NewLease(self.pool) as new:
            decoded = decode_request(inputs, options, self.limits, new.allocate, look)
            if decoded.target is not None:
                new.attach(decoded.target.parts())
            identities = 0 if inputs.embeddings is None else len(inputs.embeddings)
            formats = decoded.source_formats or ("",) * identities
            return {
                LEASE: new.lease.encode(),
                RECORD: replace(self._record_of(inputs), source_formats=formats).encode(),
                "detector_images": decoded.detector_images,
                "gate_images": seen.rows(len(decoded.images.sources) + 1),
            }

    def record(self, request: StepRequest) -> RequestRecord:
        """Task and, while there is an audit log, hashes of what was sent; raises InvalidTensor without a target."""
        return self._record_of(_inputs(request))

    def _record_of(self, inputs: DecodeInputs) -> RequestRecord:
        task: Task = "swap" if inputs.analysed is None else "analysis"
        if self.audit is None:
            return RequestRecord(task)
        encoded = inputs.target or inputs.analysed
        target = encoded[0] if encoded else inputs.frame
        if target is None:
            raise InvalidTensor("input 'raw_frame' is missing")
        return replace(self.audit.hashes(inputs.sources or (), target), task=task)


def _inputs(request: StepRequest) -> DecodeInputs:
    return DecodeInputs(
        sources=request.optional_byte_strings("source_image"),
        embeddings=request.optional_array("source_embeddings"),
        target=request.optional_byte_strings("target_image"),
        frame=request.optional_array("raw_frame"),
        analysed=request.optional_byte_strings("analysed_image"),
    )
