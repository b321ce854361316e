"""KServe v2 over HTTP.

httpx rather than tritonclient's HTTP client, which is built on gevent and must not be shared between threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import NoReturn

import httpx

from faceswap_client._errors import BadAnswer, ConnectionFailed, one_line, too_late
from faceswap_client.transports.address import Address
from faceswap_client.wire.kserve_http import decode_error, decode_reply, encode_request
from faceswap_client.wire.tensors import InferReply, InferRequest

_CONNECT_TIMEOUT = 5.0  # seconds; a host that does not answer at all is unreachable, not slow
_OK = 200

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32)
# Triton compresses answers when asked to, which costs CPU time and saves nothing on encoded images
_HEADERS = {"Accept-Encoding": "identity"}


class HttpTransport:
    """A `Transport` over httpx's connection pool."""

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str] | None = None,
        *,
        httpx_transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._address = address
        self._client = httpx.Client(
            base_url=address.target,
            headers={**_HEADERS, **(headers or {})},
            limits=_LIMITS,
            trust_env=not address.loopback,
            transport=httpx_transport,
        )

    def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        headers, body = encode_request(request, timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            with self._client.stream(
                "POST", _infer_path(request.model), headers=headers, content=body, timeout=_timeouts(timeout)
            ) as response:
                chunks: list[bytes] = []
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    # httpx bounds each wait for data; an answer that trickles in is bounded here
                    if deadline is not None and time.monotonic() > deadline:
                        raise too_late(self._address.target, timeout, request.request_id)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _raise(error, self._address, timeout, request.request_id)
        return _reply(response, b"".join(chunks), request.request_id)

    def model_ready(self, model: str, timeout: float | None) -> bool:
        try:
            response = self._client.get(_ready_path(model), timeout=_timeouts(timeout))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _raise(error, self._address, timeout, "")
        return response.status_code == _OK

    def close(self) -> None:
        self._client.close()


class AsyncHttpTransport:
    """An `AsyncTransport` over httpx's connection pool."""

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str] | None = None,
        *,
        httpx_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._address = address
        self._client = httpx.AsyncClient(
            base_url=address.target,
            headers={**_HEADERS, **(headers or {})},
            limits=_LIMITS,
            trust_env=not address.loopback,
            transport=httpx_transport,
        )

    async def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        headers, body = encode_request(request, timeout)
        sent = self._client.post(_infer_path(request.model), headers=headers, content=body, timeout=_timeouts(None))
        try:
            response = await asyncio.wait_for(sent, timeout)
        except asyncio.TimeoutError:
            raise too_late(self._address.target, timeout, request.request_id) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _raise(error, self._address, timeout, request.request_id)
        return _reply(response, response.content, request.request_id)

    async def model_ready(self, model: str, timeout: float | None) -> bool:
        try:
            response = await self._client.get(_ready_path(model), timeout=_timeouts(timeout))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _raise(error, self._address, timeout, "")
        return response.status_code == _OK

    async def close(self) -> None:
        await self._client.aclose()


def _infer_path(model: str) -> str:
    return f"/v2/models/{model}/infer"


def _ready_path(model: str) -> str:
    return f"/v2/models/{model}/ready"


def _timeouts(timeout: float | None) -> httpx.Timeout:
    return httpx.Timeout(timeout, connect=_CONNECT_TIMEOUT if timeout is None else min(timeout, _CONNECT_TIMEOUT))


def _reply(response: httpx.Response, body: bytes, request_id: str) -> InferReply:
    if response.status_code != _OK:
        raise decode_error(response.status_code, response.headers, body, request_id)
    return decode_reply(response.headers, body, request_id)


def _raise(error: Exception, address: Address, timeout: float | None, request_id: str) -> NoReturn:
    """The one table from httpx's errors to ours."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        raise too_late(address.target, timeout, request_id) from error
    if isinstance(error, (httpx.TransportError, httpx.InvalidURL)):
        reason = one_line(str(error)) or type(error).__name__
        message = f"connection to {address.target} failed: {reason}"
        refused = isinstance(error, httpx.ConnectError)
        raise ConnectionFailed(message, request_id=request_id, nothing_sent=refused) from error
    raise BadAnswer(f"the answer of {address.target} cannot be read", request_id=request_id) from error
