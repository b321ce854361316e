"""The front before the session's real server, and sockets to speak to it without a client's good manners."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest
from faceswap_server.http import AccessToken, FrontServer, FrontSettings, ListenAddress, Upstream
from faceswap_server.triton import TritonServer

TOKEN = "a-token-of-the-tests-0123456789"  # noqa: S105
LOOPBACK = ListenAddress("127.0.0.1", 0)

StartFront = Callable[..., FrontServer]


@pytest.fixture(scope="session")
def upstream(server: TritonServer) -> Upstream:
    return Upstream(lambda: server.http_url, lambda: server.metrics_url, lambda: server.grpc_address)


@pytest.fixture(scope="session")
def front(upstream: Upstream) -> Iterator[FrontServer]:
    """With a token and the usual limits."""
    with FrontServer(LOOPBACK, upstream, AccessToken(TOKEN), FrontSettings()) as running:
        yield running


@pytest.fixture
def start_front(upstream: Upstream) -> Iterator[StartFront]:
    """Starts fronts with limits of their own: `start_front(max_body_bytes=1000)`; `to=` another upstream."""
    with ExitStack() as stack:

        def start(to: Upstream = upstream, **limits: float) -> FrontServer:
            settings = FrontSettings.model_validate({"drain_seconds": 1, **limits})
            return stack.enter_context(FrontServer(LOOPBACK, to, None, settings))

        yield start


@pytest.fixture
def caller(front: FrontServer) -> Iterator[httpx.Client]:
    """Somebody who knows the token."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=front.url, headers=headers, trust_env=False, timeout=60) as client:
        yield client


@dataclass(frozen=True)
class Call:
    """A KServe v2 request: HTTP headers and body."""

    headers: dict[str, str]
    body: bytes


def swap_call(source: bytes, target: bytes, **parameters: object) -> Call:
    """A swap as the protocol's text has it, written without the client."""
    tensors = [len(each).to_bytes(4, "little") + each for each in (source, target)]
    header = json.dumps(
        {
            "id": "a-request",
            "parameters": parameters,
            "inputs": [
                {"name": name, "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(tensor)}}
                for name, tensor in zip(("SOURCE_IMAGE", "TARGET_IMAGE"), tensors, strict=True)
            ],
            "outputs": [{"name": "SWAPPED_IMAGE", "parameters": {"binary_data": True}}],
        }
    ).encode()
    return Call({"Inference-Header-Content-Length": str(len(header))}, header + b"".join(tensors))


def connected(front: FrontServer) -> socket.socket:
    """A plain connection to a front."""
    return socket.create_connection((front.address.host, front.address.port), timeout=60)


def everything_from(connection: socket.socket) -> bytes:
    """What the front says until it closes the connection."""
    said = b""
    try:
        while piece := connection.recv(65536):
            said += piece
    except ConnectionResetError:
        pass  # closed while we were still sending
    return said
