"""`faceswap keys`: makes development keys for C2PA signatures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from faceswap_contract.exit_codes import ExitCode

from faceswap_server.installation import install_command

app = typer.Typer(help="Keys that sign results (C2PA).", add_completion=False, rich_markup_mode=None)


class KeysExistError(Exception):
    """A file exists already; a key is never overwritten."""

    exit_code = 12  # as `faceswap swap` when its result cannot be written


class KeysNeedCryptography(Exception):
    """The package `cryptography` is not installed; the message names the extra that brings it."""

    exit_code = int(ExitCode.USAGE)


@app.callback()
def _group() -> None:
    """Keys that sign results (C2PA)."""


@app.command()
def new(
    directory: Annotated[Path, typer.Argument(help="Where the three files go; made when it is missing.")] = Path(
        "keys"
    ),
) -> None:
    """Make a development certificate chain and its key. NOBODY TRUSTS IT: it is for trying signatures out."""
    try:
        from faceswap_core.provenance.c2pa.development_chain import (  # noqa: PLC0415 (an extra)
            VALID_DAYS,
            new_development_chain,
        )
    except ModuleNotFoundError as error:
        raise KeysNeedCryptography(
            f"{error.name} is not installed; run `{install_command('keys')}` in a checkout of faceswap-triton"
        ) from None
    chain = new_development_chain()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = {"key.pem": chain.key_pem, "chain.pem": chain.chain_pem, "root.pem": chain.root_pem}
    there = [name for name in files if (directory / name).exists()]
    if there:
        raise KeysExistError(f"{directory / there[0]} is there already; keys are not overwritten")
    for name, content in files.items():
        with os.fdopen(os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    typer.echo(
        f"UNTRUSTED development keys in {directory}, good for {VALID_DAYS} days. Nobody trusts what they sign.\n"
        "To sign with them, start the server with\n"
        f"  FACESWAP_SIGN_CHAIN={(directory / 'chain.pem').resolve()}\n"
        f"  FACESWAP_SIGN_KEY={(directory / 'key.pem').resolve()}\n"
        f"To check what it signed: faceswap verify IMAGE --trust {directory / 'root.pem'}\n"
        "For real use: a claim-signing certificate from an authority on the C2PA trust list."
    )
