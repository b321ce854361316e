"""Base class of the three `TritonPythonModel`s: start-up, responses, errors, audit lines and releasing of leases."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray
from pydantic import ValidationError

from faceswap_core.buffers.buffer_pool import BufferPool
from faceswap_core.buffers.heap import keep_freed_memory
from faceswap_core.buffers.housekeeping import Housekeeping
from faceswap_core.buffers.lease import Lease
from faceswap_core.buffers.new_lease import server_buffer_pool
from faceswap_core.buffers.private_folder import NotPrivate
from faceswap_core.buffers.server_name import buffer_folder
from faceswap_core.errors import FaceSwapError, InternalError, SigningFailed
from faceswap_core.limits import Limits, limits_from_environment
from faceswap_core.provenance.audit.log import AuditLog, Ending
from faceswap_core.provenance.audit.request_record import RequestRecord
from faceswap_core.provenance.deployment import audit_log_of
from faceswap_core.provenance.settings import ProvenanceSettings, SettingsError, one_line, provenance_settings
from faceswap_core.triton.server_death import end_with_server
from faceswap_core.triton.step_request import LEASE, RECORD, StepRequest

Tensors = Mapping[str, NDArray[Any] | bytes]
"""Outputs by tensor name. `bytes` becomes a BYTES tensor of one element."""


class StepModel:
    """A `TritonPythonModel` whose subclass implements `step`, and `prepare` where it has something to load.

    Attributes:
        limits: of requests, from the environment.
        pool: the server's buffer pool.
        audit: where audit lines go, or None.
    """

    limits: Limits
    pool: BufferPool
    audit: AuditLog | None
    _housekeeping: Housekeeping

    def initialize(self, args: Mapping[str, str]) -> None:
        """Called by Triton once; what it raises stops the server."""
        server = os.getppid()
        buffers = buffer_folder(server)
        end_with_server(server, lambda: shutil.rmtree(buffers, ignore_errors=True))
        keep_freed_memory()
        cv2.setNumThreads(1)  # instances are the parallelism; OpenCV's own threads would fight over the cores
        try:
            self.limits = limits_from_environment()
            settings = provenance_settings()
            self.audit = audit_log_of(settings)
            self.prepare(Path(args["model_repository"]).parent, settings)
        except ValidationError as error:
            raise pb_utils.TritonModelException(f"model '{args['model_name']}': {one_line(error)}") from None
        except SettingsError as error:
            raise pb_utils.TritonModelException(f"model '{args['model_name']}': {error}") from None
        try:
            self.pool = server_buffer_pool(self.limits, server)
        except (NotPrivate, OSError) as error:
            raise pb_utils.TritonModelException(f"model '{args['model_name']}': {error}") from None
        self._housekeeping = Housekeeping(self.keep_house)
        self._housekeeping.start()

    def execute(self, requests: Sequence[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        """One response for every request, in order; a failing request gets an error and does not affect the others."""
        try:
            return [self._answer(request) for request in requests]
        finally:
            self._housekeeping.worked()

    def finalize(self) -> None:
        """Called by Triton when the model is unloaded."""
        self._housekeeping.stop()

    def keep_house(self) -> None:
        """Called about every second, in the housekeeping thread."""
        self.pool.forget_mappings()

    def failed(self, error: FaceSwapError) -> None:
        """Called with the error of a failed request, before the response is made."""

    def prepare(self, repository: Path, settings: ProvenanceSettings) -> None:
        """Loads what a step needs; `repository` holds all models. What it raises (SettingsError) stops the server."""

    def record(self, request: StepRequest) -> RequestRecord:
        """The request record that `decode_images` made; raises InvalidTensor."""
        return RequestRecord.parse(request.byte_string(RECORD))

    def step(self, request: StepRequest) -> Tensors:
        """Outputs of one request; raises FaceSwapError."""
        raise NotImplementedError

    def _answer(self, request: pb_utils.InferenceRequest) -> pb_utils.InferenceResponse:
        wrapped = StepRequest(request, self.limits)
        outputs: Tensors = {}
        try:
            wrapped.raise_if_abandoned()
            outputs = self.step(wrapped)
            wrapped.raise_if_abandoned()  # from here on Triton may drop it between two steps
            self._account(wrapped)
            return pb_utils.InferenceResponse(
                output_tensors=[_tensor(name, value) for name, value in outputs.items() if name in wrapped.wanted]
            )
        except Exception as error:
            # not kept in a variable here: its traceback refers to this stack frame, and the cycle would hold the
            # request's tensors in Triton's shared memory until the next garbage collection
            return self._fail(wrapped, outputs, error)

    def _fail(self, request: StepRequest, outputs: Tensors, error: Exception) -> pb_utils.InferenceResponse:
        self._release(request, outputs)
        known = _known(error)
        self._account_failure(request, known)
        self.failed(known)
        return _failed(known)

    def _account(self, request: StepRequest) -> None:
        if self.audit is not None and request.ending is not None:
            try:
                self.audit.write(request.id, request.ending)
            except OSError:  # with an audit log no result may leave the server without its line
                raise InternalError("the audit line could not be written") from None

    def _account_failure(self, request: StepRequest, error: FaceSwapError) -> None:
        if self.audit is None:
            return
        record = RequestRecord()
        with suppress(FaceSwapError, IndexError):  # a request that cannot be read has a line with its error code alone
            record = self.record(request)
        try:
            self.audit.write(request.id, Ending(record), error.code)
        except OSError as failure:
            pb_utils.Logger.log_error(f"the audit line of a failed request could not be written: {failure.strerror}")

    def _release(self, request: StepRequest, outputs: Tensors) -> None:
        """Releases the lease of a request that ends here, whether it is among its inputs or its outputs."""
        with suppress(FaceSwapError, OSError):
            held = outputs[LEASE] if LEASE in outputs else request.byte_string(LEASE)
            if isinstance(held, bytes):
                self.pool.release(Lease.parse(held))


def _known(error: Exception) -> FaceSwapError:
    if isinstance(error, SigningFailed):
        pb_utils.Logger.log_error(
            f"{error.code}: {error.__cause__}"
        )  # text of the c2pa library; holds nothing of the image
    if isinstance(error, FaceSwapError):
        return error
    if isinstance(error, MemoryError):
        return InternalError("out of memory")
    # only the place: the message of an error may hold values of the request
    pb_utils.Logger.log_error(_without_values(error))
    return InternalError("an unexpected fault; the server's log has the place")


def _without_values(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = " <- ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"unexpected {type(error).__name__} at {where}"


def _failed(error: FaceSwapError) -> pb_utils.InferenceResponse:
    # looked up here: Triton adds TritonError to the module only after it has imported the model
    code = getattr(pb_utils.TritonError, error.status.value)
    return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(str(error), code))


def _tensor(name: str, value: NDArray[Any] | bytes) -> pb_utils.Tensor:
    if isinstance(value, bytes):
        return pb_utils.Tensor(name, np.array([value], dtype=np.object_))
    return pb_utils.Tensor(name, np.ascontiguousarray(value))
