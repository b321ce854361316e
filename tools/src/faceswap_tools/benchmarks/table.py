"""Result rows of a benchmark and their table."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number.

    Args:
        name: what was measured, in words.
        value: median.
        spread: half the distance between the quartiles, in the same unit.
        unit: `ms`, `x` (how many times faster), `req/s`, ...
        target: what is asked for, as text (`at least 60`), or empty.
        ok: whether the target is reached; None without a target.
    """

    name: str
    value: float
    spread: float
    unit: str
    target: str = ""
    ok: bool | None = None


def at_least(name: str, value: float, spread: float, unit: str, bound: float | None) -> Row:
    """A row whose value should reach `bound`; None for no target."""
    if bound is None:
        return Row(name, value, spread, unit)
    return Row(name, value, spread, unit, f"at least {bound:g}", value >= bound)


def print_rows(title: str, rows: Iterable[Row], console: Console | None = None) -> None:
    """Prints to standard output, or to `console`."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for heading in ("value", "±", "unit", "target", "ok"):
        table.add_column(heading, justify="left" if heading in {"unit", "target"} else "right")
    for row in rows:
        verdict = {None: Text(""), True: Text("yes"), False: Text("no", "red")}[row.ok]
        table.add_row(row.name, _three_digits(row.value), _three_digits(row.spread), row.unit, row.target, verdict)
    (console or Console(file=sys.stdout, markup=False, emoji=False)).print(table)


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
