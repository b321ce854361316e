"""Command group of `faceswap`: one-line errors, and commands that other installed packages register.

A package adds a command through the entry point group `faceswap.commands`; the entry point's name is the command's,
its object a function or a `typer.Typer`. It is imported only when the command or the list of commands is asked for. An
exception with an integer attribute `exit_code` sets the exit status of its command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from faceswap_contract.deprecated import OLD_WORDS
from typer.core import TyperGroup
from typer.main import get_command

from faceswap_client._errors import FaceSwapError, one_line
from faceswap_client.cli._exit_codes import ExitCode, exit_code_of

GROUP = "faceswap.commands"

INSTALL_SERVER = "pip install ./client ./python_backend ./model_packs ./server"
"""Installs the server's commands from a checkout. All four folders in one command: none of these packages is to be
looked for on a package index."""

_FROM_SERVER = {
    "doctor": "checks a worker or an endpoint step by step and names what is wrong",
    "keys": "makes keys to sign with",
    "serve": "starts a local server",
}
"""Commands of the package faceswap-server; listed here so that their absence can be explained."""

_RENAMED = {word.old.split()[-1]: word for word in OLD_WORDS if word.where == "command"}
"""Old names of commands, `faceswap OLD`, which work for one more release."""


class Commands(TyperGroup):
    """The client's own commands and those of installed packages; the client's take precedence."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The client's commands first, then the others in alphabetical order; old names are not listed."""
        own = super().list_commands(ctx)
        return [*own, *sorted({*_installed(), *_FROM_SERVER} - set(own) - set(_RENAMED))]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """The command of that name, or None."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        found = _entry_point(cmd_name)
        if found is not None:
            return _load(found)
        return _absent(cmd_name) if cmd_name in _FROM_SERVER else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name; an old name gives the command of the new one, and a warning."""
        word = _RENAMED.get(args[0]) if args else None
        if word is not None:
            warn(word.warning)
            args = [word.new.split()[-1], *args[1:]]
        return super().resolve_command(ctx, args)

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs the command line; ends the process with an exit status, or in `standalone_mode=False` returns."""
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        try:
            result = super().main(args, prog_name, standalone_mode=False, **extra)
        except Exception as error:
            sys.exit(_reported(error))
        sys.exit(result if isinstance(result, int) else ExitCode.OK)


def _reported(error: Exception) -> int:
    """Prints the error as one line on stderr and returns the exit status."""
    if os.environ.get("FACESWAP_DEBUG"):
        raise error
    status = getattr(error, "exit_code", None)
    if isinstance(error, FaceSwapError):
        hint = f" (request {error.request_id})" if error.request_id and _needs_the_log(error) else ""
        return _say(f"{error}{hint}", exit_code_of(error))
    if isinstance(error, typer.TyperException):
        return _say(error.format_message().rstrip(".") + _help_hint(error), error.exit_code)
    if isinstance(error, typer.Abort):
        return _say("stopped", ExitCode.INTERRUPTED)
    if isinstance(status, int):
        return _say(str(error), status)
    text = f"unexpected {type(error).__name__}: {error} (FACESWAP_DEBUG=1 shows where)"
    return _say(text, ExitCode.UNEXPECTED)


def _say(text: str, status: int) -> int:
    typer.echo(f"faceswap: {one_line(text)}", err=True)
    return int(status)


def warn(text: str) -> None:
    """Prints a warning as one line on stderr."""
    typer.echo(f"faceswap: warning: {text}", err=True)


def _needs_the_log(error: FaceSwapError) -> bool:
    return exit_code_of(error) is ExitCode.SERVER


def _help_hint(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f" (see {context.command_path} --help)" if context is not None else ""


def _entry_point(name: str) -> EntryPoint | None:
    """The entry point of a command, also under the name that an older package registers it with."""
    installed = _installed()
    names = [name, *(old for old, word in _RENAMED.items() if word.new.split()[-1] == name)]
    return next((installed[each] for each in names if each in installed), None)


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(entry: EntryPoint) -> Any:
    try:
        found = entry.load()
    except Exception as error:
        # one broken package must not break the other commands
        return _failing(
            entry.name,
            f"cannot be loaded ({type(error).__name__})",
            f"the command {entry.name} cannot be loaded from {entry.value}: {type(error).__name__}: {error}",
            ExitCode.UNEXPECTED,
        )
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(entry.name)(found)
        found = app
    command = get_command(found)
    command.name = entry.name
    return command


def _absent(name: str) -> Any:
    return _failing(
        name,
        f"{_FROM_SERVER[name]} (needs the package faceswap-server)",
        f"{name} is part of the package faceswap-server, which is not installed here: "
        f"run `make setup` or `{INSTALL_SERVER}` in a checkout of faceswap-triton",
        ExitCode.USAGE,
    )


def _failing(name: str, help_text: str, message: str, status: ExitCode) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command(name, help=help_text, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
    def fail(ctx: typer.Context) -> None:
        raise CommandFailed(message, status)

    return get_command(app)


class CommandFailed(Exception):
    """Ends a command with a one-line message and the exit status `exit_code`."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
