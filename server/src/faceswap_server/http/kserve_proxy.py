"""The ASGI application: who may ask, what may be asked, and everything else refused.

GET  /v2/health/live, /v2/health/ready              no token
GET  /v2/models/MODEL[/versions/N][/ready]          metadata and readiness of the public ensembles
POST /v2/models/MODEL[/versions/N]/infer
GET  /metrics                                       Triton's, in Prometheus' text form

The log has a line per refusal: request id, code, status. Never an address, a query, a header or a body.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faceswap_server.http.access_token import AccessToken
from faceswap_server.http.body_budget import BodyBudget
from faceswap_server.http.http_error import HttpError, http_error_response
from faceswap_server.http.infer_body import read_infer_body
from faceswap_server.http.relay import Answer, Ask, relay
from faceswap_server.http.settings import FrontSettings
from faceswap_server.http.upstream import TritonConnection, Upstream

logger = logging.getLogger("faceswap_server.http")

PUBLIC_MODELS = frozenset({"face_swap", "face_analysis", "face_swap_identity"})
"""The ensembles. The steps and networks inside them are nobody's business."""

Health = Callable[[], bool]
"""Whether the service works, by its own probes; quick, called in the event loop."""

_OPEN_PATHS = ("/v2/health/live", "/v2/health/ready")
_LONGEST_VERSION = 9  # digits


class Front:
    """The application's state."""

    def __init__(
        self, upstream: Upstream, settings: FrontSettings, token: AccessToken | None, health: Health | None
    ) -> None:
        self.settings = settings
        self.token = token
        self._upstream = upstream
        self._health = health
        self._triton: TritonConnection | None = None
        self.in_flight = 0
        self.bodies = BodyBudget(settings.max_held_bytes)

    @property
    def triton(self) -> TritonConnection:
        """Made by the first use, because it belongs to the event loop."""
        if self._triton is None:
            self._triton = TritonConnection(self._upstream, self.settings)
        return self._triton

    async def close(self) -> None:
        if self._triton is not None:
            await self._triton.close()

    async def live(self, request: Request) -> Response:
        return Response(status_code=200)

    async def ready(self, request: Request) -> Response:
        works = self._health() if self._health is not None else await self.triton.is_ready()
        return Response(status_code=200 if works else 503)

    async def infer(self, request: Request) -> Answer:
        """Triton's answer to an inference, asked for when the body has been read and checked."""
        path = _model_path(request)
        return self.triton.infer(f"{path}/infer", await read_infer_body(request, self.settings, request.state.room))

    async def metadata(self, request: Request) -> Answer:
        """Triton's metadata of an ensemble."""
        return self.triton.get(_model_path(request))

    async def model_ready(self, request: Request) -> Answer:
        """Triton's readiness of an ensemble."""
        return self.triton.get(f"{_model_path(request)}/ready")

    async def metrics(self, request: Request) -> Answer:
        """Triton's metrics."""
        return self.triton.metrics()


class ProxyEndpoint:
    """An endpoint that passes on what `ask` gets from Triton, within the limit on requests in flight."""

    def __init__(self, front: Front, ask: Ask) -> None:
        self._front = front
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        front = self._front
        if front.in_flight >= front.settings.max_in_flight:
            raise HttpError("SERVER_BUSY", "the front has as many requests in flight as it takes; try again")
        front.in_flight += 1
        request = Request(scope, receive)
        room = request.state.room = front.bodies.room()
        try:
            await relay(await self._ask(request), request, send, front.settings)
        finally:
            room.let_go()
            front.in_flight -= 1


class AuthMiddleware:
    """The outermost layer: request ids, the token, and no exception without its refusal."""

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self._app = app
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        scope["app"] = self  # with it the router raises what it does not know, instead of answering
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            self._check_token(scope)
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            logger.info("request %s: the caller hung up", request_id)
        except Exception as error:
            refusal = _as_http_error(error, request_id)
            logger.info("request %s refused: %s %d", request_id, refusal.code, refusal.status)
            if started:
                scope["state"].get("abort", _nothing)()
            else:
                await http_error_response(refusal, request_id)(scope, receive, send)

    def _check_token(self, scope: Scope) -> None:
        token = self._front.token
        if token is None or scope["path"] in _OPEN_PATHS:
            return
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1 or not token.opens(given[0]):
            raise HttpError("UNAUTHORIZED", "send `Authorization: Bearer` and the token")


def make_app(front: Front) -> ASGIApp:
    """The application for a front; closed with the server that runs it."""

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        yield
        await front.close()

    model = "/v2/models/{model}"
    version = model + "/versions/{version}"
    routes = [
        Route("/v2/health/live", front.live, methods=["GET"]),
        Route("/v2/health/ready", front.ready, methods=["GET"]),
        Route("/metrics", ProxyEndpoint(front, front.metrics), methods=["GET"]),
    ]
    for path in (model, version):
        routes += [
            Route(path, ProxyEndpoint(front, front.metadata), methods=["GET"]),
            Route(f"{path}/ready", ProxyEndpoint(front, front.model_ready), methods=["GET"]),
            Route(f"{path}/infer", ProxyEndpoint(front, front.infer), methods=["POST"]),
        ]
    # a bare router: Starlette's own layers would answer faults in their words before the doorkeeper sees them
    return AuthMiddleware(Router(routes, redirect_slashes=False, lifespan=lifespan), front)


def _model_path(request: Request) -> str:
    """Triton's path of the model asked for, made of names we know and digits."""
    model, version = request.path_params["model"], request.path_params.get("version")
    if model not in PUBLIC_MODELS:
        raise _not_found()
    if version is None:
        return f"/v2/models/{model}"
    if not (version.isascii() and version.isdecimal() and len(version) <= _LONGEST_VERSION):
        raise _not_found()
    return f"/v2/models/{model}/versions/{version}"


def _not_found() -> HttpError:
    return HttpError("NOT_FOUND", f"there is no such call here; models are {', '.join(sorted(PUBLIC_MODELS))}")


def _as_http_error(error: Exception, request_id: str) -> HttpError:
    if isinstance(error, HttpError):
        return error
    if isinstance(error, HTTPException):  # the router's
        wrong_method = error.status_code == 405
        return HttpError("METHOD_NOT_ALLOWED", "this call has another method") if wrong_method else _not_found()
    # the exception's own text may hold what the caller sent
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__)))
    logger.error("request %s: %s in %s", request_id, type(error).__name__, places)
    return HttpError("INTERNAL", "the front failed; its log has the details")


def _nothing() -> None:
    pass


__all__ = ["PUBLIC_MODELS", "Front", "Health", "make_app"]
