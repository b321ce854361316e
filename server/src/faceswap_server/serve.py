"""`faceswap serve`: the local server in the foreground, watched and kept alive, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from faceswap_contract.environment import Program, UnknownVariable, check_environment
from faceswap_models.checkout import Checkout, NotACheckout
from faceswap_models.pack_manifest import PackError, installed_pack
from rich.console import Console

from faceswap_server.exit_codes import ExitCode
from faceswap_server.http import FrontServer, Upstream, checked_front
from faceswap_server.supervision import Outcome, Phase, RestartPolicy, SupervisionSettings, Supervisor
from faceswap_server.supervision.state import StateFile
from faceswap_server.triton import ServerSettings, SetupError, TritonServer
from faceswap_server.triton.shared_memory import check_shared_memory

LOOK_SECONDS = 0.1


def serve(
    http_port: Annotated[int, typer.Option(help="HTTP port; 0 takes a free one.", min=0, max=65535)] = 8000,
    grpc_port: Annotated[int, typer.Option(help="gRPC port; 0 takes a free one.", min=0, max=65535)] = 8001,
    metrics_port: Annotated[int, typer.Option(help="Prometheus port; 0 takes a free one.", min=0, max=65535)] = 8002,
    repository: Annotated[
        Path | None, typer.Option(help="Model repository; default: what `make pack` laid out in the checkout.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Server log; default: out/server.log.")] = None,
    state_file: Annotated[
        Path | None, typer.Option(help="JSON file with the server's state; default: beside the log.")
    ] = None,
    drain_seconds: Annotated[float, typer.Option(help="Time requests in flight get to finish.", min=0)] = 30.0,
    probe_seconds: Annotated[float, typer.Option(help="Pause between two looks at the server.", min=0.5)] = 5.0,
    restarts: Annotated[int, typer.Option(help="Restarts within ten minutes before giving up.", min=0)] = 5,
    listen: Annotated[
        str | None,
        typer.Option(help="IP-ADDRESS:PORT of the HTTP front for other machines; see docs/deploy/security.md."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token callers of the front must send; or FACESWAP_TOKEN.")
    ] = None,
) -> None:
    """Start the server on 127.0.0.1, keep it working, and leave it running; with --listen, a front others can reach.

    Exit status: 0 stopped by Ctrl-C or SIGTERM after draining, 2 an argument or environment variable is not allowed,
    3 it failed and restarting did not help, 10 it cannot start on this machine as it is, 11 requests in flight did not
    finish in time, 15 it does not swap.
    """
    console = Console(stderr=True, highlight=False)
    _log_to(console)
    try:
        check_environment(os.environ, console.print, Program.SERVE)
    except UnknownVariable as error:
        _end(Outcome(ExitCode.BAD_SETTINGS, str(error)), console)
    try:
        checkout = Checkout.find()
        chosen = repository or checkout.served_repository
        if repository is None and installed_pack(chosen) is None:
            raise PackError(f"there is no model pack in {chosen}: run `make pack`")
        server_log = log or checkout.root / "out" / "server.log"
        settings = ServerSettings(
            repository=chosen,
            http_port=http_port,
            grpc_port=grpc_port,
            metrics_port=metrics_port,
            log=server_log,
            drain_timeout_s=drain_seconds,
        )
        advice = check_shared_memory()
        server = TritonServer(settings)
        file = StateFile(state_file or server_log.with_suffix(".state.json"), lambda: _addresses(server))
        supervision = SupervisionSettings(probe_interval_s=probe_seconds, restarts=RestartPolicy(limit=restarts))
        supervisor = Supervisor(server, supervision, file.write)
        upstream = Upstream(lambda: server.http_url, lambda: server.metrics_url, lambda: server.grpc_address)
        front = checked_front(listen, token_file, upstream, supervisor)
        if front is not None:
            front.start()  # before Triton: it says 503 while the server loads, and a taken port costs no wait
    except (SetupError, NotACheckout, PackError) as error:
        _end(Outcome(ExitCode.CANNOT_START, str(error)), console)
    if advice:
        console.print(advice, soft_wrap=True)
    try:
        outcome = _run(supervisor, server, front, file.path, console)
    finally:
        if front is not None:
            front.stop()
    _end(outcome, console)


def _run(
    supervisor: Supervisor, server: TritonServer, front: FrontServer | None, state_file: Path, console: Console
) -> Outcome:
    """Supervises the server until a signal or its end; returns how it ended."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        if supervisor.state().phase is Phase.STOPPING:
            supervisor.kill()  # a second signal: now
        supervisor.request_stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        supervisor.start()
        outcome = None
        with console.status("starting tritonserver"):
            while outcome is None and supervisor.state().phase is Phase.STARTING:
                outcome = supervisor.wait(LOOK_SECONDS)
        if supervisor.state().phase is Phase.HEALTHY:
            _greet(server, front, state_file, console)
        while outcome is None:
            outcome = supervisor.wait(LOOK_SECONDS)
        return outcome
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _addresses(server: TritonServer) -> dict[str, str]:
    return {"http": server.http_url, "grpc": server.grpc_address, "metrics": server.metrics_url}


def _greet(server: TritonServer, front: FrontServer | None, state_file: Path, console: Console) -> None:
    console.print(f"model pack: {installed_pack(server.settings.repository) or 'unknown'}")
    if front is not None:
        console.print(f"front       {front.url}")
    console.print(f"gRPC        {server.grpc_address}")
    console.print(f"HTTP        {server.http_url}")
    console.print(f"metrics     {server.metrics_url}")
    console.print(f"log         {server.log}", soft_wrap=True)
    console.print(f"state       {state_file}", soft_wrap=True)
    console.print("Ctrl-C stops it")


def _end(outcome: Outcome, console: Console) -> None:
    well = outcome.code is ExitCode.STOPPED
    code = "" if well else f" (exit code {int(outcome.code)})"
    console.print(f"faceswap serve: {outcome.message}{code}", style=None if well else "red", soft_wrap=True)
    raise typer.Exit(outcome.code)


def _log_to(console: Console) -> None:
    """One line on stderr for every event of the supervisor."""
    handler = logging.StreamHandler(console.file)
    handler.setFormatter(logging.Formatter("%(asctime)s server %(message)s", "%H:%M:%S"))
    events = logging.getLogger("faceswap_server.supervision")
    events.handlers[:] = [handler]
    events.setLevel(logging.INFO)
    events.propagate = False


def main() -> None:
    """`python -m faceswap_server.serve`."""
    typer.run(serve)


if __name__ == "__main__":
    main()
