"""What a Triton log says: why the server did not start, and how many requests it left unanswered."""

from __future__ import annotations

import re
from pathlib import Path

_REASONS = (
    re.compile(r"^\| (?P<model>\S+) +\| \d+ +\| UNAVAILABLE: (?:[A-Z]\w+( \w+)?: )?(?P<why>.+?) *\|$", re.MULTILINE),
    re.compile(r"Poll failed for model directory '(?P<model>[^']+)': (?P<why>.+)\""),
    re.compile(r"(?:TritonModelException|ConfigError)[^:]*: (?P<why>.+)"),
    re.compile(r"failed to load '(?P<model>[^']+)'[^:]*: (?P<why>.+)"),
    re.compile(r"^E\d{4} [^\]]+\] \"?(?!CudaDriverHelper)(?P<why>.+?)\"?$", re.MULTILINE),
    re.compile(r"^error: (?P<why>.+)", re.MULTILINE),
)
_LAST_COUNT = re.compile(r"Found \d+ model versions that have in-flight inferences\"\n(?P<models>(?:I.+\n)*)")
_IN_FLIGHT = re.compile(r"\"Model '(?P<model>[^']+)' \(version \d+\) has (?P<count>\d+) in-flight inferences\"")


def reason_in_log(log: Path) -> str:
    """The line of a Triton log that says why it stopped, most telling first."""
    text = _read(log)
    for pattern in _REASONS:
        found = pattern.search(text)
        if found:
            model = found.groupdict().get("model")
            why = found.group("why").strip().strip('"')[:300]
            return f"model '{model}': {why}" if model and model not in why else why
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it ended without a word"


def left_in_flight(log: Path) -> int | None:
    """Requests that had no answer when Triton gave up waiting for them, or None where the log does not say.

    Triton lists every model of an ensemble beside the ensemble itself; the largest number is that of the requests,
    unless requests to several ensembles are in flight at once, when it is the least there can be.
    """
    counts = list(_LAST_COUNT.finditer(_read(log)))
    if not counts:
        return None
    return max((int(each["count"]) for each in _IN_FLIGHT.finditer(counts[-1]["models"])), default=0)


def _read(log: Path) -> str:
    try:
        return log.read_text(errors="replace")
    except OSError:
        return ""
