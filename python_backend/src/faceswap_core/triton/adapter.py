"""Between Triton and the pure functions: tensors in, tensors out, one response for every request.

This package alone imports `triton_python_backend_utils`, which exists inside Triton's Python backend only.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
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
from faceswap_core.errors import FaceSwapError, InternalError, SigningFailed
from faceswap_core.limits import Limits, limits_from_environment
from faceswap_core.provenance.audit.log import AuditLog, Ending
from faceswap_core.provenance.audit.request_record import RequestRecord
from faceswap_core.provenance.deployment import audit_log_of
from faceswap_core.provenance.settings import ProvenanceSettings, SettingsError, one_line, provenance_settings
from faceswap_core.triton.step_request import FRAMES, RECORD, StepRequest

Tensors = Mapping[str, NDArray[Any] | bytes]
"""Outputs by tensor name. `bytes` becomes a BYTES tensor of one element."""


def outputs_of(result: Any, *left_out: str) -> dict[str, NDArray[Any] | bytes]:
    """The fields of a step's result, which are named like its output tensors."""
    return {field.name: getattr(result, field.name) for field in fields(result) if field.name not in left_out}


class StepModel:
    """What the three steps' `TritonPythonModel` have in common; a step is `step`, and what it needs to begin.

    Attributes:
        limits: of requests, from the environment.
        store: where the server keeps decoded frames.
        audit: where audit lines go, or None.
    """

    limits: Limits
    store: BufferPool
    audit: AuditLog | None
    _housekeeping: Housekeeping

    def initialize(self, args: Mapping[str, str]) -> None:
        """Called by Triton once; what it raises stops the server."""
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
        self.store = server_buffer_pool(self.limits, server=os.getppid())
        self._housekeeping = Housekeeping(self.keep_house)
        self._housekeeping.start()

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response for every request; a failing request gets its own error and leaves its neighbours alone."""
        try:
            return [self._answer(request) for request in requests]
        finally:
            self._housekeeping.worked()

    def finalize(self) -> None:
        """Called by Triton at the end."""
        self._housekeeping.stop()

    def keep_house(self) -> None:
        """Called about every second, in a thread of its own."""
        self.store.forget_mappings()

    def failed(self, error: FaceSwapError) -> None:
        """Called with what a request ended in, before the caller is told."""

    def prepare(self, repository: Path, settings: ProvenanceSettings) -> None:
        """What a step needs beside frames; `repository` holds all models. Raises SettingsError: no start."""

    def record(self, request: StepRequest) -> RequestRecord:
        """What is known of a request as it comes in; raises InvalidTensor."""
        return RequestRecord.parse(request.images(RECORD)[0])

    def step(self, request: StepRequest) -> Tensors:
        """Outputs of one request; raises FaceSwapError."""
        raise NotImplementedError

    def _answer(self, request: Any) -> Any:
        wrapped = StepRequest(request, self.limits)
        outputs: Tensors = {}
        try:
            wrapped.stop_if_given_up()
            outputs = self.step(wrapped)
            wrapped.stop_if_given_up()  # Triton may drop it now without another step's knowing
            self._account(wrapped)
            return pb_utils.InferenceResponse(
                output_tensors=[_tensor(name, value) for name, value in outputs.items() if name in wrapped.wanted]
            )
        except Exception as error:
            # not kept in a variable here: its traceback holds this frame, and the two would hold the request's
            # tensors in Triton's shared memory until Python looks for cycles
            return self._fail(wrapped, outputs, error)

    def _fail(self, request: StepRequest, outputs: Tensors, error: Exception) -> Any:
        self._give_back(request, outputs)
        known = _known(error)
        self._account_failure(request, known)
        self.failed(known)
        return _failed(known)

    def _account(self, request: StepRequest) -> None:
        if self.audit is not None and request.ending is not None:
            try:
                self.audit.write(request.id, request.ending)
            except OSError:  # an operator who has to answer for results hands none out unaccounted
                raise InternalError("the audit line could not be written") from None

    def _account_failure(self, request: StepRequest, error: FaceSwapError) -> None:
        if self.audit is None:
            return
        record = RequestRecord()
        with suppress(FaceSwapError, IndexError):  # one that cannot be read is accounted for by its code
            record = self.record(request)
        try:
            self.audit.write(request.id, Ending(record), error.code)
        except OSError as failure:
            pb_utils.Logger.log_error(f"the audit line of a failed request could not be written: {failure.strerror}")

    def _give_back(self, request: StepRequest, outputs: Tensors) -> None:
        """Ends the lease of a request that ends here, whether it came with it or was to leave with it."""
        with suppress(FaceSwapError, OSError):
            held = outputs.get(FRAMES) or (request.images(FRAMES)[0] if request.has(FRAMES) else None)
            if isinstance(held, bytes):
                self.store.release(Lease.parse(held))


def _known(error: Exception) -> FaceSwapError:
    if isinstance(error, SigningFailed):
        pb_utils.Logger.log_error(f"{error.code}: {error.__cause__}")  # c2pa's words, nothing of the image
    if isinstance(error, FaceSwapError):
        return error
    if isinstance(error, MemoryError):
        return InternalError("out of memory")
    # the server's log gets where it broke, never what was in the request; the caller gets neither
    pb_utils.Logger.log_error(_without_values(error))
    return InternalError("an unexpected fault; the server's log has the place")


def _without_values(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = " <- ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"unexpected {type(error).__name__} at {where}"


def _failed(error: FaceSwapError) -> Any:
    # Status names are Triton's; the stub adds TritonError to the module only after it has imported the model
    code = getattr(pb_utils.TritonError, error.status.value)
    return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(str(error), code))


def _tensor(name: str, value: NDArray[Any] | bytes) -> Any:
    if isinstance(value, bytes):
        return pb_utils.Tensor(name, np.array([value], dtype=np.object_))
    return pb_utils.Tensor(name, np.ascontiguousarray(value))
