"""Options of the command line: those of every command, and those that the contract's table declares."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar

import typer
from faceswap_contract.limits import GRPC_PORT
from faceswap_contract.options import Kind, Option, Task, options_of

DEFAULT_SERVER = f"127.0.0.1:{GRPC_PORT}"

Server: TypeAlias = Annotated[
    str,
    typer.Option(
        "--server",
        "-s",
        envvar="FACESWAP_SERVER",
        metavar="ADDRESS",
        help="The server: HOST:PORT for gRPC, http://HOST:PORT or https://HOST:PORT for HTTP. A "
        "token is taken from FACESWAP_TOKEN.",
    ),
]
Timeout: TypeAlias = Annotated[
    float,
    typer.Option("--timeout", min=0.001, metavar="SECONDS", help="Longest wait for the answer, above 0."),
]

_Command = TypeVar("_Command", bound=Callable[..., None])

_PYTHON_TYPES = {Kind.INTEGER: int, Kind.NUMBER: float}  # any other kind is text, which the server reads and checks


def takes_options(task: Task) -> Callable[[_Command], _Command]:
    """Declares one option for each row of the contract's table that `task` takes.

    The command's `**options` receives their values by name; None where the option was left out. They are listed in
    the help in front of the command's keyword-only parameters.
    """

    def decorate(command: _Command) -> _Command:
        signature = inspect.signature(command, eval_str=True)
        kept = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        at = _first_keyword_only(kept)
        kept[at:at] = [_parameter(each) for each in options_of(task)]
        # typer reads the signature
        setattr(command, "__signature__", signature.replace(parameters=kept))  # noqa: B010
        return command

    return decorate


def _first_keyword_only(parameters: list[inspect.Parameter]) -> int:
    kinds = [each.kind for each in parameters]
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    return kinds.index(keyword_only) if keyword_only in kinds else len(kinds)


def _parameter(option: Option) -> inspect.Parameter:
    declared = typer.Option(
        option.flag,
        metavar=option.metavar,
        show_default=option.command_line_default or option.shown_default,
        help=option.help,
    )
    annotation: Any = Annotated[_PYTHON_TYPES.get(option.kind, str) | None, declared]
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
