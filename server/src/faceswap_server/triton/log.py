"""The server's log file: opened anew for each start, and searched for the reason of a failed one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from faceswap_core.files.disk_errors import cannot_write

from faceswap_server.triton.errors import SetupError

_REASONS = (
    re.compile(r"^\| (?P<model>\S+) +\| \d+ +\| UNAVAILABLE: (?:[A-Z]\w+( \w+)?: )?(?P<why>.+?) *\|$", re.MULTILINE),
    re.compile(r"Poll failed for model directory '(?P<model>[^']+)': (?P<why>.+)\""),
    re.compile(r"(?:TritonModelException|ConfigError)[^:]*: (?P<why>.+)"),
    re.compile(r"failed to load '(?P<model>[^']+)'[^:]*: (?P<why>.+)"),
    re.compile(r"^terminate called after throwing an instance of '(?P<why>[^']+)'", re.MULTILINE),
    re.compile(r"^E\d{4} [^\]]+\] (?!\"CudaDriverHelper)\"?(?P<why>.+?)\"?$", re.MULTILINE),
    re.compile(r"^error: (?P<why>.+)", re.MULTILINE),
)

_PASSING = (
    (
        re.compile(r"'[\d.]+:(?P<what>\d+)'.*already in use", re.IGNORECASE),
        "another program took port {} while it was loading",
    ),
    (re.compile(r"Stub process '(?P<what>[^']+)' is not healthy"), "the process of {} died while it was loading"),
)
"""Reasons that a retry can get past. Triton ends with code 1 for all of them, as for a model that cannot load."""


def open_log(log: Path) -> BinaryIO:
    """A new log; that of the last start is kept beside it, because it says how that one ended.

    Raises:
        SetupError: it cannot be written; one line.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.is_file():
            log.replace(log.with_name(f"{log.stem}.previous{log.suffix}"))
        # the first line shows at once whether the disk takes any more
        log.write_text(f"faceswap: tritonserver of launcher {os.getpid()}\n")
        return log.open("ab")
    except OSError as error:
        raise SetupError(cannot_write(error, "the server's log", log, "choose another file with --log")) from None


def passing_reason(log: Path) -> str | None:
    """Why it stopped, if that is something a retry can get past; else None."""
    return _passing(_read(log))


def _passing(text: str) -> str | None:
    for pattern, reason in _PASSING:
        if found := pattern.search(text):
            return reason.format(found["what"])
    return None


def reason_in_log(log: Path) -> str:
    """The line of a Triton log that says why it stopped, the most specific one first."""
    text = _read(log)
    if passing := _passing(text):
        return passing
    for pattern in _REASONS:
        found = pattern.search(text)
        if found:
            model = found.groupdict().get("model")
            why = found.group("why").strip().strip('"')[:300]
            return f"model '{model}': {why}" if model and model not in why else why
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it ended with no error message"


def _read(log: Path) -> str:
    try:
        return log.read_text(errors="replace")
    except OSError:
        return ""
