"""`faceswap swap`."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from faceswap_client._base import DEFAULT_TIMEOUT
from faceswap_client._client import Client
from faceswap_client._results import SwapResult
from faceswap_client.cli import _options
from faceswap_client.cli._commands import CommandFailed
from faceswap_client.cli._exit_codes import ExitCode
from faceswap_client.cli._images import format_by_name, read_images, write_result

SWAP_EXAMPLES = """\b
Examples:
  faceswap swap me.jpg group.jpg -o out.jpg
      every face of group.jpg becomes me
  faceswap swap ann.jpg ben.jpg group.jpg --target-faces 0,2 -o out.png
      the leftmost face becomes ann, the third ben"""


def swap(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Whose face to put in: one image, or as many as faces are to change (up to 8), leftmost face "
            "first. '-' is stdin.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="The image to change. '-' is stdin.", show_default=False)
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Where the result goes, replacing what is there. '-' is stdout. The ending (.jpg, .png, .webp) "
            "chooses the format.",
            show_default=False,
        ),
    ],
    source_face: Annotated[
        str | None,
        typer.Option(
            "--source-face",
            metavar="INDEX",
            show_default="largest",
            help="'largest', or which face of each source: 0 is the leftmost.",
        ),
    ] = None,
    target_faces: Annotated[
        str | None,
        typer.Option(
            "--target-faces",
            metavar="LIST",
            show_default="all",
            help="'all', or which faces to change, such as '0,2': 0 is the leftmost.",
        ),
    ] = None,
    max_faces: _options.MaxFaces = None,
    min_face_size: _options.MinFaceSize = None,
    detection_threshold: _options.DetectionThreshold = None,
    max_side: Annotated[
        int | None,
        typer.Option(
            "--max-side",
            metavar="PIXELS",
            show_default="as it is",
            help="64 to 65535: a target with a longer side is scaled down to it.",
        ),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--output-format",
            metavar="FORMAT",
            show_default="by OUT's ending, else same",
            help="jpeg, png, webp, or same: the target's own.",
        ),
    ] = None,
    output_quality: Annotated[
        int | None,
        typer.Option("--output-quality", metavar="N", show_default="95", help="1 to 100, for jpeg and webp."),
    ] = None,
    on_no_face: Annotated[
        str | None,
        typer.Option(
            "--on-no-face",
            metavar="WHAT",
            show_default="error",
            help="For a target without a face: error, or passthrough to get it back as it is.",
        ),
    ] = None,
    blend: Annotated[
        str | None,
        typer.Option(
            "--blend",
            metavar="HOW",
            show_default="fast",
            help="fast, or exact for insightface's own arithmetic.",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="CORNER",
            show_default="off",
            help='Draw a visible "AI": top-left, top-right, bottom-left or bottom-right.',
        ),
    ] = None,
    label_size: Annotated[
        float | None,
        typer.Option(
            "--label-size", metavar="SHARE", show_default="0.05", help="0.01 to 0.25 of the shorter side, its capitals."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not say what was done.")] = False,
    server: _options.Server = _options.DEFAULT_SERVER,
    timeout: _options.Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Put the face of SOURCE on the faces of TARGET."""
    # texts go to the server as they are: it checks them and says what is allowed
    options: dict[str, Any] = {
        "source_face": source_face,
        "target_faces": target_faces,
        "max_faces": max_faces,
        "min_face_size": min_face_size,
        "detection_threshold": detection_threshold,
        "max_side": max_side,
        "output_format": output_format or format_by_name(output),
        "output_quality": output_quality,
        "on_no_face": on_no_face,
        "blend": blend,
        "label": label,
        "label_size": label_size,
    }
    *images, image = read_images([*sources, target])
    with open_client(server, timeout) as client:
        result = client.swap(images, image, **options)
    write_result(output, result.image)
    if not quiet:
        typer.echo(_summary(result, output), err=True)


def open_client(server: str, timeout: float) -> Client:
    """A client with the token of FACESWAP_TOKEN, or CommandFailed when the address or the token cannot be."""
    try:
        return Client(server, timeout=timeout, token=os.environ.get("FACESWAP_TOKEN") or None)
    except ValueError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error


def _summary(result: SwapResult, output: str) -> str:
    swapped = sum(face.swapped for face in result.faces)
    found = f"{swapped} of {len(result.faces)} face{'' if len(result.faces) == 1 else 's'} swapped"
    where = "stdout" if output == "-" else output
    return f"{where}: {found}, {result.format} {result.width}x{result.height}, {len(result.image):,} bytes"
