"""KServe v2 routes: an allow-list of calls, passed on to Triton after their bodies were checked.

GET  /v2/models/MODEL[/versions/N][/ready]          metadata and readiness of the public ensembles
POST /v2/models/MODEL[/versions/N]/infer
"""

from __future__ import annotations

from collections.abc import Callable

from faceswap_contract.names import ENSEMBLES
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from faceswap_server.http.application import METRICS_PATH
from faceswap_server.http.body_budget import BodyRoom
from faceswap_server.http.guards import Guards
from faceswap_server.http.http_error import HttpError
from faceswap_server.http.infer_body import read_infer_body
from faceswap_server.http.relay import Answer, Ask, relay
from faceswap_server.http.upstream import TritonConnection

PUBLIC_MODELS = frozenset(ENSEMBLES)
"""The ensembles. The steps and networks inside them are internal."""

_LONGEST_VERSION = 9  # digits


class KServeProxy:
    """What to ask of Triton for each route."""

    def __init__(self, triton: TritonConnection, guards: Guards) -> None:
        self._triton = triton
        self._settings = guards.settings

    async def infer(self, request: Request, room: BodyRoom) -> Answer:
        """Triton's answer to an inference, asked for when the body has been read and checked."""
        path = _model_path(request)
        return self._triton.infer(f"{path}/infer", await read_infer_body(request, self._settings, room))

    async def metadata(self, request: Request, _room: BodyRoom) -> Answer:
        """Triton's metadata of an ensemble."""
        return self._triton.get(_model_path(request))

    async def model_ready(self, request: Request, _room: BodyRoom) -> Answer:
        """Triton's readiness of an ensemble."""
        return self._triton.get(f"{_model_path(request)}/ready")

    async def metrics(self, _request: Request, _room: BodyRoom) -> Answer:
        """Triton's metrics."""
        return self._triton.metrics()


class ProxyEndpoint:
    """An endpoint that passes on what `ask` gets from Triton, within the limit on requests in flight.

    While Triton takes no requests it is not asked: it would answer 404 or 500 while it stops, and nothing afterwards.
    """

    def __init__(self, guards: Guards, ask: Ask, takes_requests: Callable[[], bool] = lambda: True) -> None:
        self._guards = guards
        self._ask = ask
        self._takes_requests = takes_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        guards = self._guards
        guards.check_admission()
        request = Request(scope, receive)
        with guards.bodies.room() as room:
            self._check_server()
            answer = await self._ask(request, room)
            self._check_server()  # the body may have taken long
            with guards.admitted():
                await relay(answer, request, send)

    def _check_server(self) -> None:
        if not self._takes_requests():
            raise HttpError("SERVER_BUSY", "the server is starting, stopping or restarting; try again")


def kserve_routes(triton: TritonConnection, guards: Guards, takes_requests: Callable[[], bool]) -> list[Route]:
    """Metadata, readiness and inference of the public ensembles."""
    proxy = KServeProxy(triton, guards)
    lookups = guards.with_room_of_its_own()  # readiness is asked for while the front is full of swaps, too
    routes = []
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        routes += [
            Route(path, ProxyEndpoint(lookups, proxy.metadata, takes_requests), methods=["GET"]),
            Route(f"{path}/ready", ProxyEndpoint(lookups, proxy.model_ready, takes_requests), methods=["GET"]),
            Route(f"{path}/infer", ProxyEndpoint(guards, proxy.infer, takes_requests), methods=["POST"]),
        ]
    return routes


def metrics_route(triton: TritonConnection, guards: Guards) -> Route:
    """GET /metrics: Triton's, in Prometheus' text form. Requests that run do not keep it out."""
    guards = guards.with_room_of_its_own()
    return Route(METRICS_PATH, ProxyEndpoint(guards, KServeProxy(triton, guards).metrics), methods=["GET"])


def _model_path(request: Request) -> str:
    """Triton's path of the model asked for, made of names we know and digits."""
    model, version = request.path_params["model"], request.path_params.get("version")
    if model not in PUBLIC_MODELS:
        raise _no_such_model()
    if version is None:
        return f"/v2/models/{model}"
    if not (version.isascii() and version.isdecimal() and len(version) <= _LONGEST_VERSION):
        raise _no_such_model()
    return f"/v2/models/{model}/versions/{version}"


def _no_such_model() -> HttpError:
    return HttpError("NOT_FOUND", f"there is no such call here; models are {', '.join(sorted(PUBLIC_MODELS))}")


__all__ = ["PUBLIC_MODELS", "KServeProxy", "ProxyEndpoint", "kserve_routes", "metrics_route"]
