"""Report of one injected fault."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

from faceswap_tools.benchmarks.table import Row


@dataclass(frozen=True, slots=True)
class Incident:
    """One act.

    done: what was done, in words; the name of its rows.
    saw: what callers saw, by outcome.
    lost: accepted requests without an answer.
    back_s: seconds until swaps worked again; None where they never stopped.
    rows: further numbers with a bound.
    """

    done: str
    saw: Counter[str]
    lost: int
    back_s: float | None = None
    rows: tuple[Row, ...] = field(default=())

    def all_rows(self) -> list[Row]:
        """Rows of the report; `lost` must be 0."""
        rows = [Row(f"{self.done}: accepted requests lost", self.lost, 0.0, "requests", "at most 0", self.lost == 0)]
        if self.back_s is not None:
            rows.append(Row(f"{self.done}: until swaps work again", self.back_s, 0.0, "s"))
        return [*rows, *self.rows]


def incident_table(incidents: list[Incident]) -> Table:
    """For people."""
    table = Table(title="chaos", title_justify="left")
    for heading in ("what was done", "callers saw", "lost", "back after", "bounds"):
        table.add_column(heading, justify="right" if heading in ("lost", "back after") else "left")
    for incident in incidents:
        saw = ", ".join(f"{count} {outcome}" for outcome, count in incident.saw.most_common())
        back = "" if incident.back_s is None else f"{incident.back_s:.1f} s"
        broken = [row.name.removeprefix(f"{incident.done}: ") for row in incident.all_rows() if row.ok is False]
        verdict = Text("; ".join(broken), "red") if broken else Text("ok")
        table.add_row(incident.done, saw, str(incident.lost), back, verdict)
    return table
