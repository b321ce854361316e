"""Plain API routes: images in by multipart form or JSON, an image or JSON out.

POST /swap          the image for `Accept: image/*`, else JSON
POST /faces         JSON
GET  /openapi.json  the OpenAPI document of these calls
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from faceswap_server.http.disconnect import unless_disconnected
from faceswap_server.http.guards import Guards
from faceswap_server.http.http_error import HttpError
from faceswap_server.http.openapi import openapi_document
from faceswap_server.http.plain_api_body import read_job
from faceswap_server.jobs.job_schemas import parse_job
from faceswap_server.jobs.output import Document
from faceswap_server.jobs.settings import JobSettings
from faceswap_server.jobs.swap_retrier import Unsupervised
from faceswap_server.jobs.swap_service import SwapService, input_limits
from faceswap_server.supervision import SupervisedServer

logger = logging.getLogger("faceswap_server.http")


@dataclass(frozen=True)
class JobServer:
    """The Triton that jobs run on.

    Attributes:
        address: HOST:PORT of its gRPC port; asked at the first job, when it is healthy and keeps its ports.
        supervised: its supervisor.
        settings: limits and times of a job.
    """

    address: Callable[[], str]
    supervised: SupervisedServer = field(default_factory=Unsupervised)
    settings: JobSettings = field(default_factory=JobSettings)


class PlainApi:
    """Runs the plain API's calls as jobs; lives in the server's event loop."""

    def __init__(self, jobs: JobServer, guards: Guards, takes_requests: Callable[[], bool]) -> None:
        """`takes_requests`: whether the server can be used now; asked before a body is read."""
        self._jobs = jobs
        self._guards = guards
        self._takes_requests = takes_requests
        self._limits = input_limits(jobs.settings)
        self._service: SwapService | None = None

    async def answer(self, request: Request, task: str, send: Send) -> None:
        """One request, from its body to its answer.

        Raises:
            HttpError: of its body, or SERVER_BUSY.
            JobError: of the job.
            ClientDisconnect: the caller hung up; the job is cancelled.
        """
        guards = self._guards
        if not self._takes_requests():
            raise HttpError("SERVER_BUSY", "the server is not ready; try again")
        guards.check_admission()
        with guards.bodies.room() as room:
            value = await read_job(request, task, guards.settings, room)
            with guards.admitted():
                document = await unless_disconnected(request, self._run(value, request.state.request_id))
                response = _response(document, as_image=task == "swap" and _wants_image(request))
                response.headers["X-Request-Id"] = request.state.request_id
                await response(request.scope, request.receive, send)

    async def _run(self, value: object, job_id: str) -> Document:
        request = parse_job(value, self._limits, self._jobs.settings.jobs)
        if self._service is None:
            jobs = self._jobs
            self._service = SwapService(jobs.settings, jobs.address(), jobs.supervised)
        return await self._service.run(request, max_bytes=self._guards.settings.max_answer_bytes, job_id=job_id)

    async def close(self) -> None:
        if self._service is not None:
            await self._service.close()


class _JobEndpoint:
    def __init__(self, api: PlainApi, task: str) -> None:
        self._api = api
        self._task = task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._api.answer(Request(scope, receive), self._task, send)


def plain_routes(api: PlainApi) -> list[Route]:
    """`/swap`, `/faces` and their description."""
    document = openapi_document()

    async def openapi(_request: Request) -> Response:
        return JSONResponse(document)

    return [
        Route("/swap", _JobEndpoint(api, "swap"), methods=["POST"]),
        Route("/faces", _JobEndpoint(api, "faces"), methods=["POST"]),
        Route("/openapi.json", openapi, methods=["GET"]),
    ]


def _wants_image(request: Request) -> bool:
    return str(request.headers.get("accept", "")).lstrip().startswith("image/")


def _response(document: Document, *, as_image: bool) -> Response:
    if not as_image or "faces" not in document:  # a list of results, or runpod-worker-inswapper's form: always JSON
        return JSONResponse(document)
    headers = {"X-Faceswap-Faces": str(sum(face["swapped"] for face in document["faces"]))}
    return Response(base64.b64decode(document["image"]), media_type=f"image/{document['format']}", headers=headers)
