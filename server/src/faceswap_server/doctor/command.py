"""Command line of `faceswap doctor`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from faceswap_contract.deprecated import old_word
from faceswap_contract.environment import Program, UnknownVariable, check_environment
from rich.console import Console

from faceswap_server.doctor.all_checks import CHECKS, run_checks
from faceswap_server.doctor.check import Status
from faceswap_server.doctor.context import Context, Endpoint
from faceswap_server.doctor.report import print_table, to_json
from faceswap_server.runpod.settings import BadSettings, settings_from_environment

EXIT_USAGE = 2
EXIT_BROKEN = 19


def doctor(
    image: Annotated[Path | None, typer.Option(help="An image with a face; default: a built-in one.")] = None,
    checks: Annotated[str, typer.Option(help=f"Only these, with commas: {', '.join(CHECKS)}.")] = ",".join(CHECKS),
    endpoint: Annotated[
        str | None, typer.Option(help="Id of a RunPod endpoint, to send it one job; the key is RUNPOD_API_KEY.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds the endpoint gets, its cold start included.", min=1)] = 120.0,
    rungs: Annotated[str | None, typer.Option(help="Old name of --checks.", hidden=True)] = None,
    api: Annotated[str, typer.Option(help="RunPod's API.", hidden=True)] = "https://api.runpod.ai/v2",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Check everything from the image to the RunPod endpoint, and say what fails first and what to change.

    It reads the worker's environment variables (docs/deploy/runpod.md) and starts what the worker would start.

    Exit codes: 0 every check passed or was skipped with a reason, 2 wrong arguments or variables, 19 a check failed.
    """
    wanted = _wanted(checks if rungs is None else _renamed("--rungs", rungs))
    try:
        check_environment(os.environ, _say, Program.WORKER)
        settings = settings_from_environment()
    except (UnknownVariable, BadSettings) as error:
        _refuse(str(error))
    key = os.environ.get("RUNPOD_API_KEY", "")
    target = None if endpoint is None else Endpoint(endpoint, key, api.rstrip("/"), timeout)
    logging.getLogger("faceswap_server").setLevel(logging.ERROR)
    context = Context(settings, image, target)
    if as_json:
        results = dict(run_checks(context, wanted))
        typer.echo(to_json(results))
    else:
        results = print_table(run_checks(context, wanted), Console(highlight=False, markup=False, emoji=False))
    if any(result.status is Status.BROKEN for result in results.values()):
        raise typer.Exit(EXIT_BROKEN)


def _wanted(listed: str) -> list[str]:
    """Names of a list with commas; `picture`, the name of 0.1, is `image`."""
    names = [name.strip() for name in listed.split(",") if name.strip()]
    wanted = [_renamed("picture", "image") if name == "picture" else name for name in names]
    unknown = sorted(set(wanted) - set(CHECKS))
    if unknown or not wanted:
        _refuse(f"--checks {', '.join(unknown) or 'is empty'}: there are {', '.join(CHECKS)}")
    return wanted


def _renamed(old: str, value: str) -> str:
    """The value, after a warning that names the new word."""
    _say(f"warning: {old_word(old).warning}")
    return value


def _say(text: str) -> None:
    sys.stderr.write(f"faceswap doctor: {text}\n")


def _refuse(text: str) -> NoReturn:
    _say(text)
    raise typer.Exit(EXIT_USAGE)


def main() -> None:
    """`python -m faceswap_server.doctor`."""
    typer.run(doctor)
