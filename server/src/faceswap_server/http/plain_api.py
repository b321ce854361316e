"""`MODE=lb`: HTTP for RunPod's load balancer. Images travel as they are, without base64 and without a queue.

GET  /ping    204 while loading, 200 when ready, 503 otherwise (HEALTH_CHECK_PATH)
POST /swap    multipart or JSON; the image for `Accept: image/*`, else JSON
POST /faces   multipart or JSON; JSON
GET  /docs, /openapi.json
"""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import uvicorn
from faceswap_contract.errors import http_status
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from faceswap_server.exit_codes import ExitCode
from faceswap_server.http.plain_api_body import job_input
from faceswap_server.http.plain_api_schema import FACES, SWAP
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import parse_input
from faceswap_server.jobs.output import Document
from faceswap_server.jobs.swap_service import SwapService, input_limits
from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.runpod.shutdown import Shutdown
from faceswap_server.runpod.supervised_triton import State, SupervisedTriton

logger = logging.getLogger(__name__)

RETRY_SECONDS = "1"
HEALTH = {State.LOADING: 204, State.READY: 200, State.RESTARTING: 503, State.FAILED: 503}
"""HTTP status of the health check. 204 would say that the worker starts, which the platform takes for a cold start and
measures; with 503 it sends its requests elsewhere until the server is back."""


class Gateway:
    """The application's state: the server, and how many requests are under way."""

    def __init__(self, settings: WorkerSettings, keeper: SupervisedTriton, shutdown: Shutdown) -> None:
        self.settings = settings
        self._keeper = keeper
        self._shutdown = shutdown
        self._service: SwapService | None = None
        self.under_way = 0

    def health(self) -> int:
        """HTTP status of the health check."""
        if self._shutdown.code is not None:
            return 503
        return HEALTH[self._keeper.state]

    async def answer(self, request: Request, task: str) -> Response:
        """One request, from its body to its response."""
        job_id = uuid.uuid4().hex
        if self.health() != 200 or self.under_way >= 2 * self.settings.concurrency:
            return _error(JobError("SERVER_BUSY", "the worker is not ready, or full; try again"), job_id)
        self.under_way += 1
        try:
            value = await job_input(request, task, self.settings.lb_bytes)
            document = await _unless_gone(request, self._run(value, job_id))
        except JobError as error:
            logger.info("request %s failed: %s", job_id, error.code)
            return _error(error, job_id)
        finally:
            self.under_way -= 1
        return _image(document) if task == "swap" and _wants_image(request) else JSONResponse(document)

    async def _run(self, value: object, job_id: str) -> Document:
        parsed = parse_input(value, input_limits(self.settings))
        if self._service is None:
            keeper = self._keeper
            self._service = SwapService(self.settings, keeper.server.grpc_address, keeper.supervisor)
        return await self._service.run(parsed, max_bytes=self.settings.lb_bytes, job_id=job_id)

    async def close(self) -> None:
        if self._service is not None:
            await self._service.close()


def make_app(gateway: Gateway) -> FastAPI:
    """The ASGI application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await gateway.close()

    app = FastAPI(title="faceswap-triton", version="1", lifespan=lifespan, redoc_url=None)

    @app.get(gateway.settings.health_check_path, status_code=200, summary="204 loading, 200 ready, 503 otherwise")
    async def ping() -> Response:
        return Response(status_code=gateway.health())

    @app.post("/swap", openapi_extra=SWAP, summary="Swap faces")
    async def swap(request: Request) -> Response:
        return await gateway.answer(request, "swap")

    @app.post("/faces", openapi_extra=FACES, summary="Find faces")
    async def faces(request: Request) -> Response:
        return await gateway.answer(request, "faces")

    return app


def serve(settings: WorkerSettings, keeper: SupervisedTriton, shutdown: Shutdown) -> None:
    """Serves until shutdown; the health check answers at once, while the server is still loading."""
    try:
        sockets = [_listen(settings.host, port) for port in {settings.port, settings.port_health or settings.port}]
    except OSError as error:
        shutdown.begin(ExitCode.CANNOT_LISTEN)
        logger.error("exit code %d: port %d: %s", ExitCode.CANNOT_LISTEN, settings.port, error.strerror)
        return
    gateway = Gateway(settings, keeper, shutdown)
    config = uvicorn.Config(
        make_app(gateway),
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(settings.drain_seconds),
    )
    server = _Server(config, shutdown)
    server.run(sockets)
    if gateway.under_way:
        logger.error("%d requests did not finish within %g s", gateway.under_way, settings.drain_seconds)
        shutdown.fail(ExitCode.DRAIN_TIMED_OUT)


class _Server(uvicorn.Server):
    """Begins our shutdown on a signal, so that the health check says so while requests finish."""

    def __init__(self, config: uvicorn.Config, shutdown: Shutdown) -> None:
        super().__init__(config)
        self._shutdown = shutdown
        shutdown.on_begin(self._exit)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._shutdown.begin(ExitCode.STOPPED)

    def _exit(self) -> None:
        self.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with the protocol named asyncio switches Nagle's delay off, which would add 40 ms to every answer
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


async def _unless_gone(request: Request, work: Any) -> Document:
    """The result of `work`, which is given up when the caller hangs up."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise JobError("CANCELLED", "the caller hung up")
        result: Document = task.result()
        return result
    finally:
        task.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _wants_image(request: Request) -> bool:
    return str(request.headers.get("accept", "")).lstrip().startswith("image/")


def _image(document: Document) -> Response:
    if "image" not in document:  # a list of results
        return JSONResponse(document)
    headers = {"X-Faceswap-Faces": str(sum(face["swapped"] for face in document["faces"]))}
    return Response(base64.b64decode(document["image"]), media_type=f"image/{document['format']}", headers=headers)


def _error(error: JobError, job_id: str) -> JSONResponse:
    status = http_status(error.code)
    headers = {"X-Request-Id": job_id}
    if status == 503:
        headers["Retry-After"] = RETRY_SECONDS
    return JSONResponse({"error": str(error)}, status_code=status, headers=headers)
