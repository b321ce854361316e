"""Check of the environment variables' names at the start of a command of this package."""

from __future__ import annotations

import os
import sys

from faceswap_contract.environment import UnknownVariable, check_environment
from faceswap_contract.exit_codes import ExitCode


def end_on_unknown_variables(command: str) -> None:
    """Ends the process with status 2 and one line on stderr when a variable with our prefix does not exist.

    Args:
        command: stands before the line.
    """
    try:
        check_environment(os.environ, lambda line: sys.stderr.write(f"{command}: {line}\n"))
    except UnknownVariable as error:
        sys.stderr.write(f"{command}: {error}\n")
        sys.exit(ExitCode.USAGE)
