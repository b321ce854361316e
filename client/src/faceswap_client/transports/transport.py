"""Transport protocol, synchronous and asynchronous, and the choice of a transport by address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from faceswap_client.transports.address import parse_address
from faceswap_client.transports.grpc import AsyncGrpcTransport, GrpcTransport
from faceswap_client.transports.http import AsyncHttpTransport, HttpTransport
from faceswap_client.transports.token import with_token
from faceswap_client.wire.tensors import InferReply, InferRequest


class Transport(Protocol):
    """Sends inference requests; safe to call from many threads. Raises errors of `FaceSwapError` only."""

    def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        """Sends the request and waits at most `timeout` seconds for the whole reply; None waits indefinitely."""

    def model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the server says that `model` can be used; raises ConnectionFailed when there is no server."""

    def close(self) -> None:
        """Closes connections; a request in flight may fail. May be called again."""


class AsyncTransport(Protocol):
    """The same for asyncio; used within one event loop. A cancelled task leaves its request to end by its timeout."""

    async def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        """As `Transport.infer`."""

    async def model_ready(self, model: str, timeout: float | None) -> bool:
        """As `Transport.model_ready`."""

    async def close(self) -> None:
        """As `Transport.close`."""


def connect(text: str, headers: Mapping[str, str] | None, token: str | None = None) -> Transport:
    """A transport for an address; nothing is sent yet. Raises ValueError for an invalid address or token."""
    address, headers = parse_address(text), with_token(headers, token)
    return HttpTransport(address, headers) if address.protocol == "http" else GrpcTransport(address, headers)


def connect_async(text: str, headers: Mapping[str, str] | None, token: str | None = None) -> AsyncTransport:
    """As `connect`, for asyncio."""
    address, headers = parse_address(text), with_token(headers, token)
    return AsyncHttpTransport(address, headers) if address.protocol == "http" else AsyncGrpcTransport(address, headers)
