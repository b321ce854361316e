"""Result rows with an upper bound; `table.at_least` makes those with a lower one."""

from __future__ import annotations

from faceswap_tools.benchmarks.table import Row


def at_most(name: str, value: float, spread: float, unit: str, bound: float | None) -> Row:
    """A row whose value should not exceed `bound`; None for no target."""
    if bound is None:
        return Row(name, value, spread, unit)
    return Row(name, value, spread, unit, f"at most {bound:g}", value <= bound)
