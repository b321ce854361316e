"""Command `faceswap verify`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from faceswap_client.cli._commands import CommandFailed
from faceswap_client.cli._exit_codes import ExitCode
from faceswap_client.cli._images import read_images
from faceswap_client.images.verification import NotAnImageError, TrustAnchorError, Verification, verify_image

VERIFY_EXAMPLES = """\b
Examples:
  faceswap verify swapped.jpg
  faceswap verify *.jpg --trust root.pem --json"""


def verify(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Images to look at. '-' is stdin.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list instead of lines.")] = False,
    trust: Annotated[
        Path | None,
        typer.Option(help="PEM file of root certificates; without it no signature is 'trusted'.", show_default=False),
    ] = None,
) -> None:
    """Show the provenance metadata of images: the IPTC mark in XMP, and the C2PA manifest.

    Nothing is fetched from the network. An image without a mark proves nothing: saving it again removes them.
    """
    anchors = _read_anchors(trust)
    found = [(name, _verified(name, data, anchors)) for name, data in zip(images, read_images(images), strict=True)]
    if as_json:
        typer.echo(json.dumps([{"image": name, "synthetic": v.synthetic} | asdict(v) for name, v in found], indent=1))
    else:
        for name, verification in found:
            typer.echo(f"{name}: {_described(verification)}")
    states = [verification for _, verification in found]
    if any(each.c2pa_state == "invalid" for each in states):
        raise typer.Exit(ExitCode.TAMPERED)
    if not all(each.synthetic for each in states):
        raise typer.Exit(ExitCode.UNMARKED)


def _read_anchors(trust: Path | None) -> bytes | None:
    try:
        return None if trust is None else trust.read_bytes()
    except OSError as error:
        raise CommandFailed(f"cannot read {trust}: {error.strerror}", ExitCode.USAGE) from error


def _verified(name: str, data: bytes, anchors: bytes | None) -> Verification:
    try:
        return verify_image(data, anchors)
    except NotAnImageError as error:
        raise CommandFailed(f"{name}: {error}", ExitCode.IMAGE) from error
    except TrustAnchorError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error


def _described(found: Verification) -> str:
    parts = ["marked as synthetic" if found.xmp_mark else "no mark in XMP", f"C2PA {found.c2pa_state}"]
    if found.signed_by or found.signer_name:
        parts.append(f"signed by {found.signed_by or found.signer_name}")
    if found.signed_at:
        parts.append(f"at {found.signed_at}{'' if found.time_trusted else ' (time not trusted)'}")
    if found.actions:
        parts.append("actions " + ", ".join(action.name for action in found.actions))
    parts += found.problems
    parts += [f"{each.title}: {problem}" for each in found.ingredients for problem in each.problems]
    return "; ".join(parts)
