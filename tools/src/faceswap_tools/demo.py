"""`make demo`: swaps the faces of one photograph through the real server, from nothing to images in `out/`.

It leaves the images that README and docs use in `examples/images/`.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from faceswap_client import Client, FaceSwapError, SwapResult
from faceswap_models.checkout import Checkout
from faceswap_models.pack_manifest import installed_pack
from faceswap_models.packs import lay_out_pack
from faceswap_server.default_log import claim_default_log
from faceswap_server.triton import ServerSettings, SetupError, TritonServer
from faceswap_server.triton.statistics import difference, read_statistics
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from faceswap_tools.montage import comparison_jpeg
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

Label: TypeAlias = Literal["off", "top-left", "top-right", "bottom-left", "bottom-right"]
ONE_OF_SIX = (430, 200, 640, 450)  # left, top, right, bottom in pixels of `six_people`: the face in the middle


@dataclass(frozen=True, slots=True)
class Example:
    """The images of one demonstration."""

    source: Path
    target: Path
    label: Label


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demonstration; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description="Swaps faces through the real server, into out/.")
    parser.add_argument("--source", type=Path, help="image of the face to take; default: an astronaut")
    parser.add_argument("--target", type=Path, help="image whose faces are replaced; default: six people")
    parser.add_argument("--label", default="off", choices=get_args(Label), help='where a visible "AI" stands')
    chosen = parser.parse_args(arguments)
    console = Console(markup=False, emoji=False, highlight=False)
    try:
        me, group = write_example_images(Checkout.find().root / "examples" / "images")
        _run(console, Example(chosen.source or me, chosen.target or group, chosen.label))
    except (SetupError, FaceSwapError, OSError) as error:
        console.print(f"demo: {error}", style="red", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("demo: stopped")
        return 130
    return 0


def write_example_images(folder: Path) -> tuple[Path, Path]:
    """Writes me.jpg (one person), group.jpg (six) and you.jpg (one of the six); returns the first two.

    They are photographs of installed packages and lie in no repository.
    """
    folder.mkdir(parents=True, exist_ok=True)
    me, group, you = folder / "me.jpg", folder / "group.jpg", folder / "you.jpg"
    with Image.open(astronaut()) as image:
        me.write_bytes(_jpeg(image))
    group.write_bytes(six_people().read_bytes())
    with Image.open(six_people()) as image:
        you.write_bytes(_jpeg(image.crop(ONE_OF_SIX)))
    return me, group


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _run(console: Console, example: Example) -> None:
    checkout = Checkout.find()
    out = checkout.root / "out"
    out.mkdir(exist_ok=True)
    with console.status("laying out the model pack"):
        repository = lay_out_pack()
    pack = installed_pack(repository)
    stand_in = "; its recogniser and swapper are stand-ins, a crude swap" if pack == "offline" else ""
    console.print(f"model pack   {pack}{stand_in}")
    server = TritonServer(ServerSettings(repository, log=claim_default_log(out).path))
    try:
        _start(server, console)
        result, stages, wall_ms = _swap(server, example)
    finally:
        server.stop()
    _report(console, result, stages, wall_ms)
    result.save(out / "demo.jpg")
    (out / "demo_compare.jpg").write_bytes(comparison_jpeg(example.source, example.target, result))
    console.print(f"inputs       {_shown(example.source)}, {_shown(example.target)}")
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


def _swap(server: TritonServer, example: Example) -> tuple[SwapResult, dict[str, float], float]:
    """The result, milliseconds each stage computed, and milliseconds the caller waited."""
    with Client(server.grpc_address) as client:
        before = read_statistics(server.http_url)
        started = time.monotonic()
        result = client.swap(example.source, example.target, label=example.label, output_format="jpeg")
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
