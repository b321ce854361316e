"""`faceswap serve`: the local server in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from faceswap_tools.checkout import Checkout, NotACheckout
from faceswap_tools.front import FrontServer, Upstream, checked_front
from faceswap_tools.local_server import LocalServer, ServerSettings, SetupError
from faceswap_tools.packs import installed_pack, prepare_and_install_offline_pack

EXIT_NOT_STARTED = 10
EXIT_SERVER_DIED = 11


def serve(
    http_port: Annotated[int, typer.Option(help="HTTP port; 0 takes a free one.", min=0, max=65535)] = 8000,
    grpc_port: Annotated[int, typer.Option(help="gRPC port; 0 takes a free one.", min=0, max=65535)] = 8001,
    metrics_port: Annotated[int, typer.Option(help="Prometheus port; 0 takes a free one.", min=0, max=65535)] = 8002,
    repository: Annotated[
        Path | None, typer.Option(help="Model repository; default: the checkout's, with the installed pack.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Server log; default: out/server.log.")] = None,
    drain_seconds: Annotated[int, typer.Option(help="Time requests in flight get to finish.", min=0)] = 30,
    listen: Annotated[
        str | None,
        typer.Option(help="IP-ADDRESS:PORT of the HTTP front for other machines; see docs/security.md."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token callers of the front must send; or FACESWAP_TOKEN.")
    ] = None,
) -> None:
    """Start the server on 127.0.0.1 and leave it running; with --listen, also a front that others can reach.

    Exit codes: 0 stopped by Ctrl-C or SIGTERM after draining, 10 it did not start, 11 it ended by itself.
    """
    console = Console(stderr=True, highlight=False)
    try:
        checkout = Checkout.find()
        chosen = repository or checkout.model_repository
        if repository is None and installed_pack(chosen) is None:
            prepare_and_install_offline_pack()
        settings = ServerSettings(
            repository=chosen,
            http_port=http_port,
            grpc_port=grpc_port,
            metrics_port=metrics_port,
            log=log or checkout.root / "out" / "server.log",
            drain_timeout_s=drain_seconds,
        )
        server = LocalServer(settings)
        upstream = Upstream(lambda: server.http_url, lambda: server.metrics_url)
        front = checked_front(listen, token_file, upstream)
        _run(server, front, installed_pack(chosen) or "unknown", console)
    except (SetupError, NotACheckout) as error:
        console.print(f"faceswap serve: {error}", style="red", soft_wrap=True)
        raise typer.Exit(EXIT_NOT_STARTED) from None


def _run(server: LocalServer, front: FrontServer | None, pack: str, console: Console) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with console.status("starting tritonserver"):
            server.start()
        if front is not None:
            front.start()
            console.print(f"front       {front.url}")
        console.print(f"model pack: {pack}")
        console.print(f"gRPC        {server.grpc_address}")
        console.print(f"HTTP        {server.http_url}")
        console.print(f"metrics     {server.metrics_url}")
        console.print(f"log         {server.log}")
        console.print("Ctrl-C stops it")
        code = server.wait()
        console.print(
            f"faceswap serve: tritonserver ended by itself with code {code}; see {server.log}",
            style="red",
            soft_wrap=True,
        )
        raise typer.Exit(EXIT_SERVER_DIED)
    except KeyboardInterrupt:
        console.print("stopping: requests in flight finish first")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # stopping must not be interrupted half way
        if front is not None:
            front.stop()
        server.stop()


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """`python -m faceswap_tools.serve`."""
    typer.run(serve)


if __name__ == "__main__":
    main()
