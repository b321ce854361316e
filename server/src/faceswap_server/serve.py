"""`faceswap serve`: the server in the foreground, supervised, until Ctrl-C or SIGTERM.

What it runs is imported when it is called: `--help` and an early Ctrl-C need nothing of it.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, NoReturn, cast

import typer
from faceswap_contract.environment import Program, UnknownVariable, check_environment
from faceswap_contract.exit_codes import ExitCode
from rich.console import Console

from faceswap_server.terminal import LenientStream

if TYPE_CHECKING:
    from faceswap_server.foreground import Foreground


def _splittable(arguments: str) -> str:
    try:
        shlex.split(arguments)
    except ValueError as error:  # an open quotation
        raise typer.BadParameter(str(error)) from None
    return arguments


def serve(
    http_port: Annotated[int, typer.Option(help="HTTP port; 0 takes a free one.", min=0, max=65535)] = 8000,
    grpc_port: Annotated[int, typer.Option(help="gRPC port; 0 takes a free one.", min=0, max=65535)] = 8001,
    metrics_port: Annotated[int, typer.Option(help="Prometheus port; 0 takes a free one.", min=0, max=65535)] = 8002,
    repository: Annotated[
        Path | None, typer.Option(help="Model repository; default: what `make pack` laid out in the checkout.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="Server log; default: out/server.log, or server-PORT.log beside another server.")
    ] = None,
    state_file: Annotated[
        Path | None, typer.Option(help="JSON file with the server's state; default: beside the log.")
    ] = None,
    drain_seconds: Annotated[float, typer.Option(help="Time requests in flight get to finish.", min=0)] = 30.0,
    probe_seconds: Annotated[float, typer.Option(help="Pause between two health probes.", min=0.5)] = 5.0,
    restarts: Annotated[int, typer.Option(help="Further starts in a row that may fail before it gives up.", min=0)] = 5,
    listen: Annotated[
        str | None,
        typer.Option(help="IP-ADDRESS:PORT of the HTTP front for other machines; see docs/deploy/security.md."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="FACESWAP_TOKEN_FILE", help="File with the token callers of the front must send; or FACESWAP_TOKEN."
        ),
    ] = None,
    triton: Annotated[
        Path | None,
        typer.Option(
            help="A tritonserver program or its home directory, such as /opt/tritonserver; default: the one that pip "
            "installs (24.10)."
        ),
    ] = None,
    triton_arguments: Annotated[
        str,
        typer.Option(
            callback=_splittable, help="Further arguments for tritonserver, as in a shell: '--model-config-name=cuda'."
        ),
    ] = "",
) -> None:
    """Start the server on 127.0.0.1, keep it working, and leave it running; with --listen, a front others can reach.

    Exit status: 0 stopped by Ctrl-C or SIGTERM after draining, 2 an argument or environment variable is not allowed,
    3 it failed and restarting did not help, 10 it cannot start on this machine as it is, 11 requests in flight did not
    finish in time, 15 it does not swap.
    """
    stream = cast("IO[str]", LenientStream(sys.stderr))
    console = Console(file=stream, highlight=False, markup=False, emoji=False)  # a path may have brackets
    _log_to(console)
    try:
        check_environment(os.environ, console.print, Program.SERVE)
    except UnknownVariable as error:
        _end(ExitCode.BAD_SETTINGS, str(error), console)
    try:
        from faceswap_models.checkout import Checkout, NotACheckout  # noqa: PLC0415 (see above)
        from faceswap_models.pack_manifest import PackError, installed_pack  # noqa: PLC0415

        from faceswap_server.default_log import claim_default_log  # noqa: PLC0415
        from faceswap_server.foreground import Foreground, ForegroundSettings  # noqa: PLC0415
        from faceswap_server.supervision import RestartPolicy, SupervisionSettings  # noqa: PLC0415
        from faceswap_server.triton import NativeTriton, ServerSettings, SetupError  # noqa: PLC0415
    except KeyboardInterrupt:
        _end(ExitCode.STOPPED, "stopped before it was ready", console)
    try:
        chosen = repository or Checkout.find().served_repository
        if repository is None and installed_pack(chosen) is None:
            raise PackError(f"there is no model pack in {chosen}: run `make pack`")
        another_has_the_default = False
        if log is None:
            claimed = claim_default_log(Checkout.find().root / "out", http_port)
            log, another_has_the_default = claimed.path, claimed.shared
        server = ServerSettings(
            repository=chosen,
            triton=None if triton is None else NativeTriton(triton),
            http_port=http_port,
            grpc_port=grpc_port,
            metrics_port=metrics_port,
            log=log,
            drain_timeout_s=drain_seconds,
            arguments=tuple(shlex.split(triton_arguments)),
        )
        foreground = Foreground(
            ForegroundSettings(
                server,
                state_file or log.with_suffix(".state.json"),
                SupervisionSettings(probe_interval_s=probe_seconds, restarts=RestartPolicy(limit=restarts)),
                listen,
                token_file,
            )
        )
    except NotACheckout as error:
        _end(ExitCode.CANNOT_START, f"{error}, or give --repository and --log", console)
    except (SetupError, PackError) as error:
        _end(ExitCode.CANNOT_START, str(error), console)
    if foreground.advice:
        console.print(foreground.advice, soft_wrap=True)
    with console.status("starting tritonserver") as status:

        def greet() -> None:
            status.stop()
            _greet(foreground, installed_pack(chosen), console)
            if another_has_the_default:
                console.print(
                    "log and state have names of their own: another server in this checkout has out/server.log"
                )

        outcome = foreground.run(greet)
    _end(outcome.code, outcome.message, console)


def _greet(foreground: Foreground, pack: str | None, console: Console) -> None:
    server, front = foreground.server, foreground.front
    console.print(f"model pack: {pack or 'unknown'}")
    if front is not None:
        console.print(f"front       {front.url}")
    console.print(f"gRPC        {server.grpc_address}")
    console.print(f"HTTP        {server.http_url}")
    console.print(f"metrics     {server.metrics_url}")
    console.print(f"log         {server.log}", soft_wrap=True)
    console.print(f"state       {foreground.settings.state_file}", soft_wrap=True)
    console.print("Ctrl-C stops it")


def _end(code: ExitCode, message: str, console: Console) -> NoReturn:
    well = code is ExitCode.STOPPED
    number = "" if well else f" (exit code {int(code)})"
    console.print(f"faceswap serve: {message}{number}", style=None if well else "red", soft_wrap=True)
    raise typer.Exit(code)


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
