"""The climb as a table for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceswap_server.doctor.all_checks import CHECKS
from faceswap_server.doctor.check import Result, Status

_STYLES = {Status.OK: "green", Status.BROKEN: "bold red", Status.SKIPPED: "yellow", Status.NOT_REACHED: "dim"}


def print_table(results: Iterable[tuple[str, Result]], console: Console) -> dict[str, Result]:
    """Prints one row per rung and, last, where it stands; returns the results by rung."""
    table = Table(show_header=True, header_style="bold", show_edge=False, pad_edge=False)
    for heading in ("rung", "", "found"):
        table.add_column(heading, overflow="fold")
    seen = {}
    for name, result in results:
        seen[name] = result
        style = _STYLES[result.status]
        told = escape(result.said) + (f"\n-> {escape(result.remedy)}" if result.remedy else "")
        table.add_row(CHECKS[name][0], f"[{style}]{result.status.value}[/]", told)
    console.print(table)
    console.print(escape(standing(seen)), style="bold", soft_wrap=True)
    return seen


def standing(results: Mapping[str, Result]) -> str:
    """One line: at which rung it stands."""
    for name, result in results.items():
        if result.status is Status.BROKEN:
            return f"stopped at '{name}': {result.said}. What to change: {result.remedy}"
    passed = sum(result.status is Status.OK for result in results.values())
    left_out = [name for name, result in results.items() if result.status is Status.SKIPPED]
    return f"every rung holds ({passed} tried" + (f"; skipped: {', '.join(left_out)})" if left_out else ")")


def to_json(results: Mapping[str, Result]) -> str:
    """`{"standing": text, "broken": rung or null, "rungs": [{rung, status, said, remedy, facts}]}`."""
    rungs = [
        {
            "rung": name,
            "status": result.status.value,
            "said": result.said,
            "remedy": result.remedy,
            "facts": dict(result.facts),
        }
        for name, result in results.items()
    ]
    stopped = next((name for name, result in results.items() if result.status is Status.BROKEN), None)
    return json.dumps({"standing": standing(results), "broken": stopped, "rungs": rungs}, indent=1)
