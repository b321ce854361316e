"""Triton model `paste_faces`: pastes into the leased target and releases it."""

from __future__ import annotations

from pathlib import Path

from faceswap_core.buffers.lease import Lease
from faceswap_core.options import Label, Options
from faceswap_core.provenance.audit.log import Ending
from faceswap_core.provenance.audit.request_record import RequestRecord
from faceswap_core.provenance.deployment import signer_of
from faceswap_core.provenance.result_marks import ResultMarks
from faceswap_core.provenance.settings import ProvenanceSettings
from faceswap_core.steps.paste_faces import NO_FRAME, SwappedCrops, paste_faces, paste_into_frame
from faceswap_core.steps.target_image import TargetImage
from faceswap_core.triton.adapter import StepModel, Tensors
from faceswap_core.triton.step_request import StepRequest


class TritonPythonModel(StepModel):
    """The last step of a swap."""

    marks: ResultMarks

    def prepare(self, repository: Path, settings: ProvenanceSettings) -> None:
        """Loads the signing key, and makes a trial signature."""
        self.marks = ResultMarks(signer_of(settings), settings.label)

    def step(self, request: StepRequest) -> Tensors:
        """Pastes into an encoded target or a raw frame, whichever the lease holds.

        FACES and EMBEDDINGS pass through here, so that an ensemble whose caller asks for them alone still ends here:
        Triton leaves out steps of which no output is asked for.
        """
        lease, record, options = request.lease(), self.record(request), request.options()
        swapped = SwappedCrops(
            crops=request.array("swapped_crops"),
            affines=request.array("swap_affines"),
            count=int(request.array("swap_count")[0]),
        )
        paste = self._paste_into_image if lease.attached else self._paste_into_frame
        outputs, request.ending = paste(lease, swapped, options, record)
        self.pool.release(lease)
        identities = request.optional_array("source_identities")  # face_swap_identity has none
        embeddings = {} if identities is None else {"embeddings": identities}
        return {**outputs, "faces": request.byte_string("found_faces"), **embeddings}

    def _paste_into_image(
        self, lease: Lease, swapped: SwappedCrops, options: Options, record: RequestRecord
    ) -> tuple[Tensors, Ending]:
        target = TargetImage.from_parts(self.pool.open_target(lease), self.pool.attached(lease))
        image = paste_faces(target, swapped, options, marks=self.marks, source_formats=record.source_formats)
        marked = swapped.count > 0
        signed = self.marks.sign_state if marked else "off"
        ending = Ending(record, image, marked, signed, labelled=self._labelled(swapped, options))
        return {"swapped_image": image, "swapped_frame": NO_FRAME}, ending

    def _paste_into_frame(
        self, lease: Lease, swapped: SwappedCrops, options: Options, record: RequestRecord
    ) -> tuple[Tensors, Ending]:
        frame = self.pool.open_target(lease)
        paste_into_frame(frame, swapped, options, self.marks)
        copy = frame.copy()  # the buffer is released before the response is read
        return {"swapped_image": b"", "swapped_frame": copy}, Ending(
            record, copy, labelled=self._labelled(swapped, options)
        )

    def _labelled(self, swapped: SwappedCrops, options: Options) -> bool:
        return swapped.count > 0 and self.marks.label(options) is not Label.OFF
