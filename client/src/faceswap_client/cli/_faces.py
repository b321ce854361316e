"""Command `faceswap faces`."""

from __future__ import annotations

import io
import json
from typing import Annotated, Any

import typer
from faceswap_contract.options import Task
from rich.console import Console
from rich.table import Table

from faceswap_client._base import DEFAULT_TIMEOUT
from faceswap_client._results import AnalysedFace, Analysis
from faceswap_client.cli import _options
from faceswap_client.cli._commands import CommandFailed
from faceswap_client.cli._exit_codes import ExitCode
from faceswap_client.cli._images import STANDARD_STREAM, format_by_name, read_images, write_result
from faceswap_client.cli._swap import open_client
from faceswap_client.images.drawing import draw_faces

FACES_EXAMPLES = """\b
Examples:
  faceswap faces group.jpg
  faceswap faces group.jpg --json --draw boxes.png"""


@_options.takes_options(Task.FACES)
def faces(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="The image to look at. '-' is stdin.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    draw: Annotated[
        str | None,
        typer.Option(
            "--draw",
            metavar="OUT",
            help="Write the image with boxes, landmarks and labels, replacing what is there. The ending (.jpg, "
            ".png, .webp) chooses the format, else png. '-' is stdout, and nothing else is printed.",
            show_default=False,
        ),
    ] = None,
    *,
    server: _options.Server = _options.DEFAULT_SERVER,
    timeout: _options.Timeout = DEFAULT_TIMEOUT,
    **options: Any,
) -> None:
    """Find the faces of IMAGE: boxes, scores and landmarks, left to right, in pixels of the upright image."""
    (encoded,) = read_images([image])
    with open_client(server, timeout) as client:
        analysis = client.faces(encoded, **options)
    if draw is not None:
        write_result(draw, _drawn(encoded, analysis, format_by_name(draw) or "png"))
    if draw == STANDARD_STREAM:
        return
    if as_json:
        typer.echo(json.dumps(_as_json(analysis)))
    else:
        _print_table(analysis)


def _drawn(image: bytes, analysis: Analysis, file_format: str) -> bytes:
    out = io.BytesIO()
    try:
        draw_faces(image, analysis.faces).save(out, file_format.upper(), quality=95)
    except OSError as error:
        raise CommandFailed(f"cannot draw on this image: {error}", ExitCode.IMAGE) from error
    return out.getvalue()


def _as_json(analysis: Analysis) -> dict[str, Any]:
    # embeddings are biometric data and not readable; programs get them from the library
    return {
        "width": analysis.width,
        "height": analysis.height,
        "faces": [
            {
                "index": face.index,
                "box": list(face.box),
                "score": face.score,
                "landmarks": {name: list(point) for name, point in face.landmarks._asdict().items()},
            }
            for face in analysis.faces
        ],
    }


def _print_table(analysis: Analysis) -> None:
    count = len(analysis.faces)
    typer.echo(f"{count} face{'' if count == 1 else 's'} in {analysis.width}x{analysis.height} pixels")
    if not count:
        return
    table = Table("face", "score", "box x0 y0 x1 y1", "left eye", "right eye", "nose", "left mouth", "right mouth")
    for face in analysis.faces:
        table.add_row(*_row(face))
    console = Console(markup=False, emoji=False)
    # a pipe has no width; rows must not be cut there
    console.print(table, width=None if console.is_terminal else 160)


def _row(face: AnalysedFace) -> list[str]:
    points = [f"{x:.0f} {y:.0f}" for x, y in face.landmarks]
    return [str(face.index), f"{face.score:.3f}", " ".join(f"{side:.0f}" for side in face.box), *points]
