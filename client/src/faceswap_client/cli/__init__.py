"""Command line `faceswap`."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Annotated

import typer
from faceswap_contract.environment import Program, UnknownVariable, check_environment

from faceswap_client.cli._commands import CommandFailed, Commands, warn
from faceswap_client.cli._exit_codes import ExitCode, exit_codes_text
from faceswap_client.cli._faces import FACES_EXAMPLES, faces
from faceswap_client.cli._swap import SWAP_EXAMPLES, swap
from faceswap_client.cli._verify import VERIFY_EXAMPLES, verify

__all__ = ["CommandFailed", "ExitCode", "app", "main"]

OWN_COMMANDS = ("swap", "faces", "verify")

app = typer.Typer(
    cls=Commands,
    name="faceswap",
    help="Swap faces, and find them, with a faceswap-triton server.",
    epilog=exit_codes_text(),
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich's boxes leave a third of a terminal's width to the explanations
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
app.command(epilog=f"{SWAP_EXAMPLES}\n\n{exit_codes_text()}")(swap)
app.command(epilog=f"{FACES_EXAMPLES}\n\n{exit_codes_text()}")(faces)
app.command(epilog=f"{VERIFY_EXAMPLES}\n\n{exit_codes_text()}")(verify)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"faceswap {version('faceswap-client')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit(ExitCode.USAGE)
    if ctx.invoked_subcommand in OWN_COMMANDS:  # those of other packages check for their own program
        try:
            check_environment(os.environ, warn, Program.COMMAND_LINE)
        except UnknownVariable as error:
            raise CommandFailed(str(error), ExitCode.USAGE) from None


def main() -> None:
    """Entry point of the console script."""
    app()
