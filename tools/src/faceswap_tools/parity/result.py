"""Row of the parity report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One comparison: `value` is the worst found, `ok` whether it is within `bound`."""

    name: str
    value: float
    unit: str
    bound: float
    ok: bool


def at_most(name: str, value: float, unit: str, bound: float) -> ParityRow:
    """A row that is good when the value does not exceed the bound."""
    return ParityRow(name, float(value), unit, bound, bool(value <= bound))


def at_least(name: str, value: float, unit: str, bound: float) -> ParityRow:
    """A row that is good when the value reaches the bound."""
    return ParityRow(name, float(value), unit, bound, bool(value >= bound))
