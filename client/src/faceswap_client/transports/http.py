"""KServe v2 over HTTP.

httpx rather than tritonclient's HTTP client, which is built on gevent and must not be shared between threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

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


class _HttpProtocol:
    """Requests, replies and errors of KServe v2 over httpx: all of an HTTP transport that is not I/O."""

    def __init__(self, address: Address, headers: Mapping[str, str] | None) -> None:
        self._address = address
        self._settings: dict[str, Any] = {
            "base_url": address.target,
            "headers": {**_HEADERS, **(headers or {})},
            "limits": _LIMITS,
            "trust_env": not address.loopback,
        }

    @staticmethod
    def _infer(request: InferRequest, timeout: float | None) -> dict[str, Any]:
        """The arguments of httpx for an inference; `timeout`: seconds the caller waits, for the server."""
        headers, content = encode_request(request, timeout)
        return {"url": f"/v2/models/{request.model}/infer", "headers": headers, "content": content}

    @staticmethod
    def _ready(model: str, timeout: float | None) -> dict[str, Any]:
        return {"url": f"/v2/models/{model}/ready", "timeout": _timeouts(timeout)}

    @staticmethod
    def _reply(response: httpx.Response, body: bytes, request_id: str) -> InferReply:
        if response.status_code != _OK:
            raise decode_error(response.status_code, response.headers, body, request_id)
        return decode_reply(response.headers, body, request_id)

    @contextmanager
    def _errors(self, timeout: float | None, request_id: str = "") -> Iterator[None]:
        """Raises the client's errors for those of httpx and for a deadline of asyncio."""
        target = self._address.target
        try:
            yield
        except asyncio.TimeoutError:
            raise too_late(target, timeout, request_id) from None
        except httpx.TimeoutException as error:
            if not isinstance(error, httpx.ConnectTimeout):
                raise too_late(target, timeout, request_id) from error
            raise _unreachable(target, error, request_id) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise _unreachable(target, error, request_id) from error
        except httpx.HTTPError as error:
            raise BadAnswer(f"the answer of {target} cannot be read", request_id=request_id) from error


class HttpTransport(_HttpProtocol):
    """A `Transport` over httpx's connection pool."""

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str] | None = None,
        *,
        httpx_transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(address, headers)
        self._client = httpx.Client(**self._settings, transport=httpx_transport)

    def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        post = self._infer(request, timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        with (
            self._errors(timeout, request.request_id),
            self._client.stream("POST", timeout=_timeouts(timeout), **post) as response,
        ):
            chunks: list[bytes] = []
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                # httpx bounds each wait for data; the time for the whole answer is bounded here
                if deadline is not None and time.monotonic() > deadline:
                    raise too_late(self._address.target, timeout, request.request_id)
        return self._reply(response, b"".join(chunks), request.request_id)

    def model_ready(self, model: str, timeout: float | None) -> bool:
        with self._errors(timeout):
            return self._client.get(**self._ready(model, timeout)).status_code == _OK

    def close(self) -> None:
        self._client.close()


class AsyncHttpTransport(_HttpProtocol):
    """An `AsyncTransport` over httpx's connection pool."""

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str] | None = None,
        *,
        httpx_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(address, headers)
        self._client = httpx.AsyncClient(**self._settings, transport=httpx_transport)

    async def infer(self, request: InferRequest, timeout: float | None) -> InferReply:
        post = self._infer(request, timeout)
        with self._errors(timeout, request.request_id):
            response = await asyncio.wait_for(self._client.post(timeout=_timeouts(None), **post), timeout)
        return self._reply(response, response.content, request.request_id)

    async def model_ready(self, model: str, timeout: float | None) -> bool:
        with self._errors(timeout):
            return (await self._client.get(**self._ready(model, timeout))).status_code == _OK

    async def close(self) -> None:
        await self._client.aclose()


def _timeouts(timeout: float | None) -> httpx.Timeout:
    return httpx.Timeout(timeout, connect=_CONNECT_TIMEOUT if timeout is None else min(timeout, _CONNECT_TIMEOUT))


def _unreachable(target: str, error: Exception, request_id: str) -> ConnectionFailed:
    reason = one_line(str(error)) or type(error).__name__
    refused = isinstance(error, httpx.ConnectError)
    return ConnectionFailed(f"connection to {target} failed: {reason}", request_id=request_id, nothing_sent=refused)
