"""Typed wrapper of `pb_utils.InferenceRequest`: options, tensors, lease, cancellation and deadline of one request."""

from __future__ import annotations

import json
import time
from typing import Any

import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from faceswap_core.buffers.lease import Lease
from faceswap_core.errors import DeadlineExceeded, InvalidOption, InvalidTensor, RequestCancelled
from faceswap_core.limits import Limits
from faceswap_core.options import Options, Parameter, parse_options
from faceswap_core.provenance.audit.log import Ending

LEASE = "lease"
"""Tensor that holds a request's lease: BYTES, one element, `Lease.encode`."""

RECORD = "record"
"""Tensor that holds the `RequestRecord`: BYTES, one element."""

# added by Triton itself to the parameters of a request
TRITON_PARAMETERS = frozenset({"sequence_id", "sequence_start", "sequence_end", "binary_data_output"})


class StepRequest:
    """One request to a step. Arrays are views of Triton's memory.

    Attributes:
        wanted: names of the outputs that the ensemble or the caller reads.
        ending: set by the step in which a request ends, for the audit line.
    """

    def __init__(self, request: pb_utils.InferenceRequest, limits: Limits) -> None:
        self._request = request
        self._limits = limits
        self._received_at = time.monotonic()
        self.wanted: frozenset[str] = frozenset(request.requested_output_names())
        self.ending: Ending | None = None

    @property
    def id(self) -> str:
        """The caller's id of the request; empty without one."""
        return str(self._request.request_id())

    def options(self) -> Options:
        """The request parameters, checked; raises OptionError."""
        return parse_options(self.parameters(), self._limits.max_faces)

    def parameters(self) -> dict[str, Parameter]:
        """The request parameters without those that Triton adds; raises InvalidOption."""
        try:
            sent: dict[str, Parameter] = json.loads(self._request.parameters() or "{}")
        except UnicodeDecodeError:  # Triton's HTTP endpoint accepts any bytes
            raise InvalidOption("a name or value is not allowed: it is not UTF-8 text") from None
        return {name: value for name, value in sent.items() if name not in TRITON_PARAMETERS}

    def raise_if_abandoned(self) -> None:
        """Checks for cancellation and the caller's deadline; called before and after a step's work.

        Raises:
            RequestCancelled: the caller has cancelled.
            DeadlineExceeded: the caller's timeout is over, counted from when the first step received the request;
                Triton applies the timeout to the queue before it separately.
            InvalidTensor: the lease, which has that time, cannot be read.
        """
        if self._request.is_cancelled():
            raise RequestCancelled("the caller gave up")
        given_us = self._request.timeout()  # Triton's request parameter `timeout`; 0: none
        if given_us:
            began = self.lease().leased_at if self.has(LEASE) else self._received_at
            if time.monotonic() - began > given_us / 1e6:
                raise DeadlineExceeded(f"the request took longer than the {given_us / 1e6:g} s its caller gave")

    def lease(self) -> Lease:
        """The request's lease in the buffer pool; raises InvalidTensor."""
        return Lease.parse(self.byte_string(LEASE))

    def has(self, name: str) -> bool:
        """Whether an optional input was sent."""
        return pb_utils.get_input_tensor_by_name(self._request, name) is not None

    def array(self, name: str) -> NDArray[Any]:
        """An input tensor; raises InvalidTensor when it is missing."""
        tensor = pb_utils.get_input_tensor_by_name(self._request, name)
        if tensor is None:
            raise InvalidTensor(f"input '{name}' is missing")
        array: NDArray[Any] = tensor.as_numpy()
        return array

    def optional_array(self, name: str) -> NDArray[Any] | None:
        """An input tensor, or None when it was not sent."""
        return self.array(name) if self.has(name) else None

    def byte_strings(self, name: str) -> list[bytes]:
        """The elements of a BYTES tensor; raises InvalidTensor when it is missing."""
        return [bytes(item) for item in self.array(name).reshape(-1)]

    def byte_string(self, name: str) -> bytes:
        """The element of a BYTES tensor of one; raises InvalidTensor when it is missing or not one."""
        found = self.byte_strings(name)
        if len(found) != 1:
            raise InvalidTensor(f"input '{name}' holds {len(found)} elements, expected 1")
        return found[0]

    def optional_byte_strings(self, name: str) -> list[bytes] | None:
        """The elements of a BYTES tensor, or None when it was not sent."""
        return self.byte_strings(name) if self.has(name) else None
