"""`make demo`: one swap in real photographs, from nothing to images in `out/`, through the real server."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from faceswap_client import Client, SwapResult
from faceswap_models.checkout import Checkout
from faceswap_models.packs import installed_pack, prepare_and_install_offline_pack
from faceswap_server.triton import ServerSettings, SetupError, TritonServer
from faceswap_server.triton.statistics import difference, read_statistics
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from faceswap_tools.montage import comparison_image
from faceswap_tools.photographs import astronaut, six_people

STAGES = (
    "decode_images",
    "det_10g",
    "align_faces",
    "w600k_r50",
    "project_identity",
    "inswapper_128",
    "paste_faces",
)


def main() -> int:
    """Runs the demonstration; returns the exit code."""
    console = Console(highlight=False)
    try:
        _run(console)
    except SetupError as error:
        console.print(f"demo: {error}", style="red", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("demo: stopped")
        return 130
    return 0


def _run(console: Console) -> None:
    checkout = Checkout.find()
    out = checkout.root / "out"
    out.mkdir(exist_ok=True)
    if installed_pack(checkout.model_repository) is None:
        with console.status("preparing the offline model pack"):
            prepare_and_install_offline_pack()
    pack = installed_pack(checkout.model_repository)
    stand_in = "; its recogniser and swapper are stand-ins, a crude swap" if pack == "offline" else ""
    console.print(f"model pack   {pack}{stand_in}")
    server = TritonServer(ServerSettings(checkout.model_repository, log=out / "server.log"))
    try:
        _start(server, console)
        result, stages, wall_ms = _swap(server)
    finally:
        server.stop()
    _report(console, result, stages, wall_ms)
    result.save(out / "demo.jpg")
    comparison_image(astronaut(), six_people(), result).save(out / "demo_compare.jpg", quality=92)
    console.print(f"result       {_shown(out / 'demo.jpg')}")
    console.print(f"side by side {_shown(out / 'demo_compare.jpg')}")


def _start(server: TritonServer, console: Console) -> None:
    models = sum(1 for config in server.settings.repository.glob("*/config.pbtxt") if config.is_file())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    started = time.monotonic()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting tritonserver", total=models)
        server.start(lambda loaded: progress.update(task, completed=loaded))
    console.print(
        f"tritonserver ready with {models} models after {time.monotonic() - started:.1f} s, {server.http_url}"
    )


def _swap(server: TritonServer) -> tuple[SwapResult, dict[str, float], float]:
    """The result, milliseconds each stage computed, and milliseconds the caller waited."""
    with Client(server.grpc_address) as client:
        before = read_statistics(server.http_url)
        started = time.monotonic()
        result = client.swap(astronaut(), six_people())
        wall_ms = (time.monotonic() - started) * 1e3
        counted = difference(read_statistics(server.http_url), before)
    return result, {stage: counted[stage].compute_ns / 1e6 for stage in STAGES}, wall_ms


def _report(console: Console, result: SwapResult, stages: dict[str, float], wall_ms: float) -> None:
    for face in result.faces:
        box = " ".join(f"{value:5.0f}" for value in face.box)
        became = f"became face {face.source_face} of source {face.source}" if face.swapped else "left as it was"
        console.print(f"face {face.index}       score {face.score:.2f}  box {box}  {became}")
    for stage, milliseconds in stages.items():
        console.print(f"  {stage:18s}{milliseconds:8.1f} ms")
    console.print(f"  {'whole request':18s}{wall_ms:8.1f} ms")


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


if __name__ == "__main__":
    sys.exit(main())
