"""Adversarial requests: what is sent, over which protocols, and which outcomes are allowed.

Outcomes are the client's codes. `REFUSED_BY_TRITON` is what it makes of a refusal in Triton's own words, which comes
before one of our steps sees the request (a datatype, a shape, a byte count): INVALID_ARGUMENT over gRPC, 400 over HTTP.
`NOT_PARSED_BY_TRITON` is the same for JSON that Triton 24.10 cannot read, which it calls its own fault: 500, HTTP only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from faceswap_client._errors import RequestError, ServerError
from faceswap_client.wire.tensors import InferRequest, Tensor, bytes_tensor
from faceswap_server.supervision.swap_probe import probe_image

GRPC, HTTP = "grpc", "http"
BOTH = (GRPC, HTTP)
REFUSED_BY_TRITON = RequestError.default_code
NOT_PARSED_BY_TRITON = ServerError.default_code
OUTPUTS = {
    "face_swap": ("SWAPPED_IMAGE", "FACES"),
    "face_swap_identity": ("SWAPPED_IMAGE", "FACES"),
    "face_analysis": ("FACES",),
}


@dataclass(frozen=True, slots=True)
class AdversarialRequest:
    """A request and the codes it may end with.

    protocols: those that can express it.
    http_outcomes: where they differ over HTTP.
    replaced: bytes of the HTTP body and what is sent instead, for what JSON has no way to write; equally long.
    """

    name: str
    request: InferRequest
    outcomes: tuple[str, ...]
    protocols: tuple[str, ...] = BOTH
    http_outcomes: tuple[str, ...] = ()
    replaced: tuple[bytes, bytes] = field(default=(b"", b""))

    def allowed(self, protocol: str) -> tuple[str, ...]:
        """Outcomes over a protocol."""
        return self.http_outcomes if protocol == HTTP and self.http_outcomes else self.outcomes


def asking(
    inputs: Sequence[Tensor],
    options: Mapping[str, Any] | None = None,
    model: str = "face_swap",
    outputs: tuple[str, ...] | None = None,
) -> InferRequest:
    """A request; options may be of types that a well-behaved client would not send."""
    return InferRequest(
        model, tuple(inputs), OUTPUTS[model] if outputs is None else outputs, options or {}, "adversarial"
    )


def good_source() -> Tensor:
    """One portrait."""
    return bytes_tensor("SOURCE_IMAGE", [probe_image()])


def good_target() -> Tensor:
    """The same, as target."""
    return bytes_tensor("TARGET_IMAGE", [probe_image()])
