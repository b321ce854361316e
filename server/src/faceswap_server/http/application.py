"""The ASGI application: health routes, the chosen sets of routes, and the layers around them.

GET  /v2/health/live, /v2/health/ready   no token; ready is 503 while the server loads or restarts
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp

from faceswap_server.http.access_token import AccessToken
from faceswap_server.http.allowed_hosts import AllowedHosts
from faceswap_server.http.middleware import AuthMiddleware, ErrorMiddleware

METRICS_PATH = "/metrics"
HEALTH_PATHS = ("/v2/health/live", "/v2/health/ready")

Ready = Callable[[], Awaitable[bool]]
Close = Callable[[], Awaitable[None]]


def health_routes(ready: Ready) -> list[Route]:
    """Liveness, which is this process's, and readiness, which is the service's."""

    async def live(_request: Request) -> Response:
        return Response(status_code=200)

    async def readiness(_request: Request) -> Response:
        return Response(status_code=200 if await ready() else 503)

    paths = zip(HEALTH_PATHS, (live, readiness), strict=True)
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint in paths]


def make_app(
    routes: Sequence[BaseRoute],
    *,
    idle_seconds: float,
    token: AccessToken | None = None,
    open_paths: Collection[str] = HEALTH_PATHS,
    allowed_hosts: Collection[str] | None = None,
    close: Sequence[Close] = (),
) -> ErrorMiddleware:
    """The application.

    Args:
        routes: everything else is NOT_FOUND.
        idle_seconds: time a caller may take for each piece of an answer.
        token: what callers must send; None admits every caller.
        open_paths: paths that need no token.
        allowed_hosts: names in Host that are answered besides localhost and IP addresses; None answers all.
        close: called when the server that runs the application ends.
    """

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        yield
        for each in close:
            await each()

    # a bare router: Starlette's default middleware would answer errors before ErrorMiddleware sees them
    app: ASGIApp = Router(routes, redirect_slashes=False, lifespan=lifespan)
    if allowed_hosts is not None:
        app = AllowedHosts(app, allowed_hosts)
    if token is not None:
        app = AuthMiddleware(app, token, open_paths)
    return ErrorMiddleware(app, idle_seconds, (*open_paths, METRICS_PATH), needs_token=token is not None)
