"""HTTP client for the upstream Triton on loopback.

Connections are not kept alive: every request opens its own. Triton may have been restarted in between, and httpx would
send a request again whose kept connection breaks; an inference that may have begun must not be sent twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from faceswap_server.http.http_error import HttpError
from faceswap_server.http.infer_body import InferBody
from faceswap_server.http.settings import FrontSettings

_HEALTH_SECONDS = 2.0
_CONNECT_SECONDS = 2.0
_FRESH_SECONDS = 1.0  # callers without a token may ask for the health as often as they like


@dataclass(frozen=True, slots=True)
class Upstream:
    """Addresses of Triton; asked for every request, because a restarted one may have other ports.

    Attributes:
        http_url: http://HOST:PORT.
        metrics_url: http://HOST:PORT/metrics.
        grpc_address: HOST:PORT; the plain API's swaps go there.
    """

    http_url: Callable[[], str]
    metrics_url: Callable[[], str]
    grpc_address: Callable[[], str]


class TritonConnection:
    """Sends requests to Triton; lives in the server's event loop."""

    def __init__(self, upstream: Upstream, settings: FrontSettings) -> None:
        self._upstream = upstream
        self._settings = settings
        self._http = httpx.AsyncClient(
            headers={"Accept-Encoding": "identity"},
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            timeout=httpx.Timeout(settings.answer_seconds, connect=_CONNECT_SECONDS),
            trust_env=False,
        )
        self._ready: tuple[float, bool] = (-_FRESH_SECONDS, False)
        self._asking = asyncio.Lock()

    @asynccontextmanager
    async def infer(self, path: str, body: InferBody) -> AsyncIterator[httpx.Response]:
        """The answer to an inference, its body not read yet. Leaving the block drops the request.

        Raises:
            HttpError: SERVER_BUSY when nothing was sent, INTERNAL when the connection broke, DEADLINE_EXCEEDED.
        """
        request = self._http.build_request(
            "POST", f"{self._upstream.http_url()}{path}", headers=body.headers, content=body.pieces()
        )
        async with self._sent(request) as response:
            yield response

    @asynccontextmanager
    async def get(self, path: str) -> AsyncIterator[httpx.Response]:
        """The answer to a GET of a KServe path; raises as `infer`."""
        async with self._sent(self._http.build_request("GET", f"{self._upstream.http_url()}{path}")) as response:
            yield response

    @asynccontextmanager
    async def metrics(self) -> AsyncIterator[httpx.Response]:
        """Triton's metrics; raises as `infer`."""
        async with self._sent(self._http.build_request("GET", self._upstream.metrics_url())) as response:
            yield response

    async def is_ready(self) -> bool:
        """Triton's readiness, cached for a second."""
        async with self._asking:
            asked, answer = self._ready
            if time.monotonic() - asked >= _FRESH_SECONDS:
                answer = await self._ask()
                self._ready = (time.monotonic(), answer)
            return answer

    async def _ask(self) -> bool:
        try:
            url = f"{self._upstream.http_url()}/v2/health/ready"
            return (await self._http.get(url, timeout=_HEALTH_SECONDS)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def close(self) -> None:
        await self._http.aclose()

    @asynccontextmanager
    async def _sent(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        try:
            response = await self._http.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise HttpError("SERVER_BUSY", "the server is starting again; retry after 1000 ms") from None
        except httpx.TimeoutException:
            raise HttpError("DEADLINE_EXCEEDED", "the server did not answer in time") from None
        except httpx.HTTPError:
            raise HttpError("INTERNAL", "the server broke off; it may be starting again") from None
        try:
            yield response
        finally:
            await response.aclose()
