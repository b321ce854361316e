"""Results of the checks as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from faceswap_server.doctor.all_checks import CHECKS
from faceswap_server.doctor.check import Result, Status

_STYLES = {Status.OK: "green", Status.BROKEN: "bold red", Status.SKIPPED: "yellow", Status.NOT_REACHED: "dim"}


def print_table(results: Iterable[tuple[str, Result]], console: Console) -> dict[str, Result]:
    """Prints one row per check and, last, the verdict; returns the results by check."""
    table = Table(show_header=True, header_style="bold", show_edge=False, pad_edge=False)
    for heading in ("check", "", "found"):
        table.add_column(heading, overflow="fold")
    seen = {}
    for name, result in results:
        seen[name] = result
        found = result.said + (f"\n-> {result.remedy}" if result.remedy else "")
        # not markup: paths have brackets
        table.add_row(CHECKS[name][0], Text(result.status.value, _STYLES[result.status]), Text(found))
    console.print(table)
    console.print(Text(standing(seen)), style="bold", soft_wrap=True)
    return seen


def standing(results: Mapping[str, Result]) -> str:
    """Verdict in one line: the check that failed, or that all passed."""
    for name, result in results.items():
        if result.status is Status.BROKEN:
            return f"stopped at '{name}': {result.said}. What to change: {result.remedy}"
    passed = sum(result.status is Status.OK for result in results.values())
    left_out = [name for name, result in results.items() if result.status is Status.SKIPPED]
    return f"every check passed ({passed} run" + (f"; skipped: {', '.join(left_out)})" if left_out else ")")


def to_json(results: Mapping[str, Result]) -> str:
    """`{"standing": text, "broken": check or null, "checks": [{check, status, said, remedy, facts}]}`.

    `rungs` holds the same list under its name of 0.1, each with `rung` for `check`, until 0.3.
    """
    checks = [
        {
            "check": name,
            "status": result.status.value,
            "said": result.said,
            "remedy": result.remedy,
            "facts": dict(result.facts),
        }
        for name, result in results.items()
    ]
    rungs = [{"rung": check["check"]} | check for check in checks]
    stopped = next((name for name, result in results.items() if result.status is Status.BROKEN), None)
    report = {"standing": standing(results), "broken": stopped, "checks": checks, "rungs": rungs}
    return json.dumps(report, indent=1)
