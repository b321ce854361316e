"""The server's log: opened anew for each start, and read for the reason when it does not start."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from faceswap_tools.disk_errors import cannot_write
from faceswap_tools.local_server.carried_triton import SetupError

_REASONS = (
    re.compile(r"^\| (?P<model>\S+) +\| \d+ +\| UNAVAILABLE: (?:[A-Z]\w+( \w+)?: )?(?P<why>.+?) *\|$", re.MULTILINE),
    re.compile(r"Poll failed for model directory '(?P<model>[^']+)': (?P<why>.+)\""),
    re.compile(r"(?:TritonModelException|ConfigError)[^:]*: (?P<why>.+)"),
    re.compile(r"failed to load '(?P<model>[^']+)'[^:]*: (?P<why>.+)"),
    re.compile(r"^terminate called after throwing an instance of '(?P<why>[^']+)'", re.MULTILINE),
    re.compile(r"^E\d{4} [^\]]+\] (?!\"CudaDriverHelper)\"?(?P<why>.+?)\"?$", re.MULTILINE),
    re.compile(r"^error: (?P<why>.+)", re.MULTILINE),
)

_PORT_TAKEN = re.compile(r"'[\d.]+:(?P<port>\d+)'.*already in use", re.IGNORECASE)


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


def port_in_log(log: Path) -> int | None:
    """The port that somebody else had when Triton came to open it, if that is why it stopped."""
    taken = _PORT_TAKEN.search(_read(log))
    return None if taken is None else int(taken["port"])


def reason_in_log(log: Path) -> str:
    """The line of a Triton log that says why it stopped, most telling first."""
    text = _read(log)
    taken = _PORT_TAKEN.search(text)
    if taken is not None:
        return f"another program took port {taken['port']} while it was loading"
    for pattern in _REASONS:
        found = pattern.search(text)
        if found:
            model = found.groupdict().get("model")
            why = found.group("why").strip().strip('"')[:300]
            return f"model '{model}': {why}" if model and model not in why else why
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it ended without a word"


def _read(log: Path) -> str:
    try:
        return log.read_text(errors="replace")
    except OSError:
        return ""
