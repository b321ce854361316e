"""`make parity`: prints one row per check, writes out/parity.json, exits 1 when a bound is broken."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import cv2
import typer
from faceswap_models.checkout import Checkout
from faceswap_models.layout import lay_out_repository
from faceswap_server.triton import ServerSettings, SetupError, TritonServer
from rich.console import Console

from faceswap_tools.parity.cases import CASES, SHORT, ParityCase
from faceswap_tools.parity.checks import ParityCheck
from faceswap_tools.parity.graph_edits import graph_edit_rows
from faceswap_tools.parity.networks import ParityNetworks, prepare_networks
from faceswap_tools.parity.reference import Reference
from faceswap_tools.parity.result import ParityRow
from faceswap_tools.scratch import scratch_directory


def main(
    short: Annotated[bool, typer.Option("--short", help="One photograph instead of seven.")] = False,
    detector: Annotated[Path | None, typer.Option(help="An untouched SCRFD file, such as det_10g.onnx.")] = None,
    recogniser: Annotated[
        Path | None, typer.Option(help="An untouched w600k_r50.onnx; default: random weights.")
    ] = None,
    swapper: Annotated[
        Path | None, typer.Option(help="An untouched inswapper_128.onnx; default: random weights.")
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            envvar="FACESWAP_TEST_MODELS",
            help="A folder with det_500m.onnx, the default detector, and scrfd_*.onnx, whose edits are compared too.",
        ),
    ] = None,
) -> None:
    """Compares insightface 2.1 with the served ensemble on the same networks and photographs."""
    console = Console(markup=False, emoji=False, highlight=False, width=120)
    checkout = Checkout.find()
    found = detector or _detector_in(models)
    if found is None:
        console.print(
            "CenterFace is used: no det_500m of insightface's was given (--models DIR or FACESWAP_TEST_MODELS)"
        )
    try:
        networks = prepare_networks(checkout.packs, found, recogniser, swapper)
        rows = list(_show(console, graph_edit_rows(networks, models, short=short)))
        rows += list(_show(console, parity_rows(networks, SHORT if short else CASES)))
    except SetupError as error:
        console.print(f"parity: {error}", style="red", soft_wrap=True)
        raise typer.Exit(2) from None
    out = checkout.root / "out"
    out.mkdir(exist_ok=True)
    (out / "parity.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    broken = [row for row in rows if not row.ok]
    console.print(f"{len(rows)} checks, {len(broken)} broken; out/parity.json")
    sys.exit(1 if broken else 0)


def parity_rows(networks: ParityNetworks, cases: Sequence[ParityCase]) -> Iterator[ParityRow]:
    """Starts a server with the prepared networks and compares it with insightface on every case."""
    cv2.setNumThreads(1)
    with scratch_directory() as scratch:
        repository = lay_out_repository(networks.pack, scratch / "repository")
        settings = ServerSettings(repository, log=scratch / "server.log", start_timeout_s=240.0)
        with TritonServer(settings) as server:
            check = ParityCheck(Reference(networks), server.grpc_address, CASES[0].image())
            try:
                for case in cases:
                    yield from check.run(case)
            finally:
                check.close()


def _detector_in(models: Path | None) -> Path | None:
    path = None if models is None else models / "det_500m.onnx"
    return path if path is not None and path.is_file() else None


def _show(console: Console, rows: Iterator[ParityRow]) -> Iterator[ParityRow]:
    for row in rows:
        sign = "ok    " if row.ok else "BROKEN"
        console.print(f"{sign}  {row.name:58s} {row.value:12.3g} {row.unit:7s} bound {row.bound:g}")
        yield row


if __name__ == "__main__":
    typer.run(main)
