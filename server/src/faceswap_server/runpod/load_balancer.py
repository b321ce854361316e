"""`MODE=lb`: the plain API behind RunPod's load balancer, with RunPod's health check.

GET  /ping   204 while the server loads, 200 when ready, 503 otherwise (HEALTH_CHECK_PATH)

The same guarded HTTP server as `faceswap serve --listen`; the platform checks callers' keys, so no token is needed.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import MutableMapping
from types import FrameType

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from faceswap_server.exit_codes import ExitCode
from faceswap_server.http.access_token import read_token
from faceswap_server.http.application import HEALTH_PATHS, health_routes, make_app
from faceswap_server.http.guards import Guards
from faceswap_server.http.listening import FrontRefused, ListenAddress, listen
from faceswap_server.http.middleware import ErrorMiddleware
from faceswap_server.http.plain_api import JobServer, PlainApi, plain_routes
from faceswap_server.http.server import allowed_hosts, front_settings, server_config
from faceswap_server.http.settings import FrontSettings
from faceswap_server.runpod.settings import BadSettings, WorkerSettings
from faceswap_server.runpod.shutdown import Shutdown
from faceswap_server.runpod.supervised_triton import SupervisedTriton
from faceswap_server.supervision import ServerState

logger = logging.getLogger(__name__)


def ping_status(state: ServerState) -> int:
    """HTTP status of the health check.

    204 means that the worker is starting, which the platform counts as a cold start; with 503 it routes requests to
    other workers until the server is back.
    """
    if state.takes_requests:
        return 200
    return 204 if state.is_first_start else 503


def limits(worker: WorkerSettings, front: FrontSettings) -> FrontSettings:
    """The HTTP server's limits for the platform: its size limit, and twice the concurrency in flight unless set."""
    changed: dict[str, object] = {
        "max_body_bytes": worker.lb_bytes,
        "max_answer_bytes": worker.lb_bytes,
        "drain_seconds": int(worker.drain_seconds),
    }
    if "max_in_flight" not in front.model_fields_set:
        changed["max_in_flight"] = 2 * worker.concurrency
    return front.model_copy(update=changed)


class LoadBalancer:
    """The HTTP server of the worker; `serve` blocks until shutdown.

    Args:
        settings: the worker's.
        environment: FACESWAP_TOKEN is removed from it; where it is set, callers must send it.

    Raises:
        BadSettings: a FACESWAP_FRONT_ variable or the token cannot be used.
    """

    def __init__(self, settings: WorkerSettings, environment: MutableMapping[str, str]) -> None:
        self._settings = settings
        try:
            self._front = limits(settings, front_settings())
            self._token = read_token(settings.token_file, environment)
        except FrontRefused as error:
            raise BadSettings(str(error)) from None

    def serve(self, supervised: SupervisedTriton, shutdown: Shutdown) -> None:
        """Serves until shutdown; the health check answers immediately, while Triton is still loading."""
        settings = self._settings
        try:
            sockets = self._sockets()
        except FrontRefused as error:
            shutdown.begin(ExitCode.CANNOT_LISTEN)
            logger.error("exit code %d: %s", ExitCode.CANNOT_LISTEN, error)
            return
        app = self._application(supervised, shutdown)
        _Server(server_config(app, self._front), shutdown).run(sockets)
        if app.cut_off:
            logger.error("%d requests did not finish within %g s", app.cut_off, settings.drain_seconds)
            shutdown.fail(ExitCode.DRAIN_TIMED_OUT)

    def _sockets(self) -> list[socket.socket]:
        settings = self._settings
        ports = dict.fromkeys((settings.port, settings.port_health or settings.port))
        return [listen(ListenAddress(settings.host, port)) for port in ports]

    def _application(self, supervised: SupervisedTriton, shutdown: Shutdown) -> ErrorMiddleware:
        settings, front = self._settings, self._front

        def takes_requests() -> bool:
            return shutdown.code is None and supervised.state.takes_requests

        async def ready() -> bool:
            return takes_requests()

        async def ping(_request: Request) -> Response:
            return Response(status_code=503 if shutdown.code is not None else ping_status(supervised.state))

        jobs = JobServer(lambda: supervised.server.grpc_address, supervised.supervisor, settings)
        api = PlainApi(jobs, Guards(front), takes_requests)
        return make_app(
            [Route(settings.health_check_path, ping, methods=["GET"]), *health_routes(ready), *plain_routes(api)],
            idle_seconds=front.idle_seconds,
            token=self._token,
            open_paths=(settings.health_check_path, *HEALTH_PATHS),
            allowed_hosts=allowed_hosts(ListenAddress(settings.host, settings.port), self._token, front),
            close=[api.close],
        )


class _Server(uvicorn.Server):
    """Begins the worker's shutdown on a signal, so that the health check answers 503 while requests finish."""

    def __init__(self, config: uvicorn.Config, shutdown: Shutdown) -> None:
        super().__init__(config)
        self._shutdown = shutdown
        shutdown.on_begin(self._exit)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._shutdown.begin(ExitCode.STOPPED)

    def _exit(self) -> None:
        self.should_exit = True
