"""Writes docs/reference/exit-codes.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from faceswap_contract.exit_codes import ALL, COMMAND_LINE, ExitCode
from faceswap_contract.writers.markdown import page, table

_INTRODUCTION = """\
One number means one thing, whichever program ends with it: the command line (`faceswap swap`, `faces`, `verify`, `doctor`), `faceswap serve`, and
the RunPod worker (`python -m faceswap_server.runpod`). Each says the reason in its last line as well.
How `faceswap serve` and the worker keep the server working: [running](../deploy/running.md)."""


def exit_codes_page(codes: Iterable[ExitCode], signals: Mapping[int, tuple[str, str]]) -> str:
    """Text of the page."""
    rows = [_row(code) for code in codes]
    rows += [(str(number), "all", meaning, remedy) for number, (meaning, remedy) in signals.items()]
    rows.sort(key=lambda row: int(row[0]))
    return page("Exit codes", "exit_codes.py", _INTRODUCTION, table(("code", "who", "meaning", "what to do"), rows))


def _row(code: ExitCode) -> tuple[str, str, str, str]:
    who = "all" if code.programs == ALL else ", ".join(code.programs)
    meaning = code.meaning
    if code.server_meaning != code.meaning:
        meaning = f"{COMMAND_LINE}: {code.meaning}; serve and worker: {code.server_meaning}"
    return str(int(code)), who, meaning, code.remedy
