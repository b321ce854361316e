"""Command `faceswap swap`."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from faceswap_contract.limits import MAX_SOURCES
from faceswap_contract.options import Task

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


@_options.takes_options(Task.SWAP)
def swap(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Whose face to put in: one image, or as many as faces are to change (up to "
            f"{MAX_SOURCES}), leftmost face first. '-' is stdin.",
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
    *,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print a summary.")] = False,
    server: _options.Server = _options.DEFAULT_SERVER,
    timeout: _options.Timeout = DEFAULT_TIMEOUT,
    **options: Any,
) -> None:
    """Put the face of SOURCE on the faces of TARGET."""
    options["output_format"] = options["output_format"] or format_by_name(output)
    *images, image = read_images([*sources, target])
    with open_client(server, timeout) as client:
        result = client.swap(images, image, **options)
    write_result(output, result.image)
    if not quiet:
        typer.echo(_summary(result, output), err=True)


def open_client(server: str, timeout: float) -> Client:
    """A client with the token of FACESWAP_TOKEN; raises CommandFailed for an invalid address or token."""
    try:
        return Client(server, timeout=timeout, token=os.environ.get("FACESWAP_TOKEN") or None)
    except ValueError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error


def _summary(result: SwapResult, output: str) -> str:
    swapped = sum(face.swapped for face in result.faces)
    found = f"{swapped} of {len(result.faces)} face{'' if len(result.faces) == 1 else 's'} swapped"
    where = "stdout" if output == "-" else output
    return f"{where}: {found}, {result.format} {result.width}x{result.height}, {len(result.image):,} bytes"
