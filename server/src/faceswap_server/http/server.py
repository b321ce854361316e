"""The HTTP server in a thread beside the supervisor: routes, guards, start and stop."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType

import uvicorn
from pydantic import ValidationError

from faceswap_server.http.access_token import TOKEN_VARIABLE, AccessToken, read_token
from faceswap_server.http.application import Close, health_routes, make_app
from faceswap_server.http.guarded_connection import guarded_connection
from faceswap_server.http.guards import Guards
from faceswap_server.http.kserve_proxy import kserve_routes, metrics_route
from faceswap_server.http.listening import FrontRefused, ListenAddress, listen, parse_listen_address
from faceswap_server.http.middleware import ErrorMiddleware
from faceswap_server.http.plain_api import JobServer, PlainApi, plain_routes
from faceswap_server.http.settings import FrontSettings, Routes
from faceswap_server.http.upstream import TritonConnection, Upstream
from faceswap_server.jobs.settings import JobSettings
from faceswap_server.jobs.swap_retrier import Unsupervised
from faceswap_server.supervision import SupervisedServer

_START_SECONDS = 10.0


class FrontServer:
    """The HTTP server on an address: `start` when Triton runs, `stop` before Triton stops.

    Args:
        address: where to listen.
        upstream: where Triton is.
        token: what callers must send; None, on loopback only, admits every caller.
        settings: limits, and which sets of routes are served.
        supervised: Triton's supervisor, which says whether it works; without it readiness is Triton's own, which in
            24.10 stays good when a step has died.
        jobs: limits and times of the plain API's jobs.

    Raises:
        FrontRefused: others can reach the address and there is no token.
    """

    def __init__(
        self,
        address: ListenAddress,
        upstream: Upstream,
        token: AccessToken | None,
        settings: FrontSettings | None = None,
        supervised: SupervisedServer | None = None,
        jobs: JobSettings | None = None,
    ) -> None:
        check_exposure(address, token)
        self._asked = address
        self.address = address
        self.settings = settings or FrontSettings()
        self._app = _application(address, upstream, token, self.settings, supervised, jobs or JobSettings())
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """http://HOST:PORT, with the port that was free when 0 was asked for."""
        return f"http://{self.address}"

    @property
    def is_running(self) -> bool:
        """Whether its thread is alive; a supervisor may ask."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listens, and returns when it does; raises FrontRefused when it cannot."""
        listening = listen(self._asked)
        host, port = listening.getsockname()[:2]
        self.address = ListenAddress(host, port)
        self._server = uvicorn.Server(server_config(self._app, self.settings))
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="faceswap-front", daemon=True
        )
        self._thread.start()
        pause = threading.Event()
        waited = 0.0
        while not self._server.started:
            if not self._thread.is_alive() or waited > _START_SECONDS:
                raise FrontRefused(f"the front did not start on {self.address}")
            pause.wait(0.02)
            waited += 0.02

    def stop(self) -> None:
        """Stops listening, lets requests in flight finish within `drain_seconds`, and returns. Idempotent."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(self.settings.drain_seconds + 5)
            self._server = self._thread = None

    def __enter__(self) -> FrontServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _application(
    address: ListenAddress,
    upstream: Upstream,
    token: AccessToken | None,
    settings: FrontSettings,
    supervised: SupervisedServer | None,
    jobs: JobSettings,
) -> ErrorMiddleware:
    guards = Guards(settings)
    triton = TritonConnection(upstream, settings)

    def takes_requests() -> bool:
        return supervised is None or supervised.state().takes_requests

    async def ready() -> bool:
        return takes_requests() if supervised is not None else await triton.is_ready()

    routes = [*health_routes(ready), metrics_route(triton, guards)]
    close: list[Close] = [triton.close]
    if settings.routes is not Routes.PLAIN:
        routes += kserve_routes(triton, guards, takes_requests)
    if settings.routes is not Routes.KSERVE:
        api = PlainApi(JobServer(upstream.grpc_address, supervised or Unsupervised(), jobs), guards, takes_requests)
        routes += plain_routes(api)
        close.append(api.close)
    return make_app(
        routes,
        idle_seconds=settings.idle_seconds,
        token=token,
        allowed_hosts=allowed_hosts(address, token, settings),
        close=close,
    )


def allowed_hosts(address: ListenAddress, token: AccessToken | None, settings: FrontSettings) -> list[str] | None:
    """Names that callers may give as Host; None for all of them.

    Only without a token: no page in a browser knows a token. And only on loopback, where browsers of this machine are.
    """
    if token is not None or not address.is_loopback:
        return None
    return [name.strip() for name in settings.allowed_hosts.split(",") if name.strip()]


def server_config(app: ErrorMiddleware, settings: FrontSettings) -> uvicorn.Config:
    """uvicorn's settings for an application behind guarded connections; logs no addresses."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # at INFO httpx writes every address
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a warning per malformed form; the front logs those
    return uvicorn.Config(
        app,
        http=guarded_connection(settings, app.refusals, needs_token=app.needs_token),
        ws="none",
        loop="asyncio",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=settings.max_header_bytes,
        timeout_keep_alive=max(1, int(settings.idle_seconds)),
        timeout_graceful_shutdown=settings.drain_seconds,
    )


def check_exposure(address: ListenAddress, token: AccessToken | None) -> None:
    """Raises FrontRefused when others could reach `address` without a token."""
    if token is None and not address.is_loopback:
        raise FrontRefused(
            f"{address} can be reached from other machines, so callers need a token: "
            f"put one into a file and give --token-file, or set {TOKEN_VARIABLE}"
        )


def checked_front(
    listen_on: str | None,
    token_file: Path | None,
    upstream: Upstream,
    supervised: SupervisedServer | None = None,
    environment: MutableMapping[str, str] = os.environ,
) -> FrontServer | None:
    """The front that a command line asks for, not started; None when it asks for none.

    Called before Triton starts: everything that can be refused is refused first, and the token leaves the environment.
    The front's log, a line per refused request, goes to stderr.

    Raises:
        FrontRefused: the address, the token or a setting cannot be used, or a token is required and missing.
    """
    token = read_token(token_file, environment)
    if listen_on is None:
        if token_file is not None:
            raise FrontRefused("--token-file belongs to --listen: the plain server on loopback asks for no token")
        return None
    settings, jobs = front_settings(), job_settings()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return FrontServer(parse_listen_address(listen_on), upstream, token, settings, supervised, jobs)


def front_settings() -> FrontSettings:
    """The HTTP server's limits from the environment; raises FrontRefused, which names the variable."""
    try:
        return FrontSettings()
    except ValidationError as error:
        raise _refused_setting(error, "FACESWAP_FRONT_") from None


def job_settings() -> JobSettings:
    """The jobs' limits from the environment; raises FrontRefused, which names the variable."""
    try:
        return JobSettings()
    except ValidationError as error:
        raise _refused_setting(error, "FACESWAP_") from None


def _refused_setting(error: ValidationError, prefix: str) -> FrontRefused:
    fault = error.errors(include_input=False)[0]
    return FrontRefused(f"{prefix}{fault['loc'][0]}".upper() + f": {fault['msg']}")
