"""One request as a step of the ensemble meets it."""

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

FRAMES = "frames"
"""Tensor in which a request's lease travels: BYTES, one element, `Lease.encode`."""

RECORD = "record"
"""Tensor in which `RequestRecord` travels: BYTES, one element."""

# What Triton itself puts among the parameters of a request.
TRITON_PARAMETERS = frozenset({"sequence_id", "sequence_start", "sequence_end", "binary_data_output"})


class StepRequest:
    """One request as a step sees it. Arrays are views of Triton's memory.

    Attributes:
        wanted: names of the outputs somebody reads.
        ending: set by the step in which a request ends, for the audit line.
    """

    def __init__(self, request: Any, limits: Limits) -> None:
        self._request = request
        self._limits = limits
        self._met_at = time.time()
        self.wanted: frozenset[str] = frozenset(request.requested_output_names())
        self.ending: Ending | None = None

    @property
    def id(self) -> str:
        """What the caller named it; empty when it has no name."""
        return str(self._request.request_id())

    def options(self) -> Options:
        """The request parameters, checked; raises OptionError."""
        return parse_options(self.parameters(), self._limits.max_faces)

    def parameters(self) -> dict[str, Parameter]:
        """The request parameters without those of Triton's own; raises InvalidOption."""
        try:
            sent: dict[str, Parameter] = json.loads(self._request.parameters() or "{}")
        except UnicodeDecodeError:  # Triton's HTTP reader lets any bytes pass
            raise InvalidOption("a name or value is not allowed: it is not UTF-8 text") from None
        return {name: value for name, value in sent.items() if name not in TRITON_PARAMETERS}

    def stop_if_given_up(self) -> None:
        """Asked before the work begins and when it is done.

        Raises:
            RequestCancelled: the caller has given up.
            DeadlineExceeded: the time the caller gave is over, counted from when the first step took the request up;
                the queue before it counts for itself.
            InvalidTensor: there is no telling, because the lease cannot be read.
        """
        if self._request.is_cancelled():
            raise RequestCancelled("the caller gave up")
        given_us = self._request.timeout()  # Triton's request parameter `timeout`; 0: none
        if given_us:
            began = self.lease().leased_at if self.has(FRAMES) else self._met_at
            if time.time() - began > given_us / 1e6:
                raise DeadlineExceeded(f"the request took longer than the {given_us / 1e6:g} s its caller gave")

    def lease(self) -> Lease:
        """Which frames the request has in the store; raises InvalidTensor."""
        return Lease.parse(self.images(FRAMES)[0])

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

    def images(self, name: str) -> list[bytes]:
        """The elements of a BYTES tensor; an absent optional input is an empty list."""
        return [bytes(item) for item in self.array(name).reshape(-1)] if self.has(name) else []
