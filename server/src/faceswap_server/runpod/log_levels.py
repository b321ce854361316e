"""Logging of the worker: INFO, to the container's log, without images.

The SDK's default level is DEBUG, where it writes every job's input and output, images included, into the log.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

QUIET = ("INFO", "WARN", "ERROR")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class TooTalkative(Exception):
    """A log level that would write images into the log; one line."""


def set_up_logging(environment: MutableMapping[str, str]) -> None:
    """Sets up Python's logging, and the SDK's level through the environment; to be called before the SDK's import.

    A level that shows jobs' contents becomes INFO.
    """
    asked = environment.get("RUNPOD_LOG_LEVEL", environment.get("RUNPOD_DEBUG_LEVEL", "INFO")).upper()
    level = asked if asked in QUIET else "INFO"
    environment["RUNPOD_LOG_LEVEL"] = level
    logging.basicConfig(level="WARNING" if level == "WARN" else level, format=_FORMAT, stream=sys.stderr)
    for name in ("httpx", "httpcore", "botocore", "boto3", "urllib3", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)  # at INFO httpx writes callers' URLs, tokens and all
    if asked != level:
        logging.getLogger(__name__).warning(
            "log level %s would write images into the log; it is INFO", asked if asked.isalpha() else "?"
        )


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuses `--rp_log_level DEBUG` and its like, which the SDK reads itself; raises TooTalkative."""
    for index, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if len(name) > len("--rp_l") and "--rp_log_level".startswith(name):  # argparse takes abbreviations
            level = value or (arguments[index + 1] if index + 1 < len(arguments) else "")
            if level.upper() not in QUIET:
                raise TooTalkative(f"{argument}: only {', '.join(QUIET)} keep images out of the log")
