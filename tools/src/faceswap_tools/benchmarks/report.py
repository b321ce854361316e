"""Writes benchmark rows as JSON into out/ and decides the exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from faceswap_tools.benchmarks.machine import measurement_facts
from faceswap_tools.benchmarks.table import Row


def write_report(path: Path, facts: dict[str, object], rows: Sequence[Row]) -> None:
    """Writes facts and rows as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps({**facts, "rows": [asdict(row) for row in rows]}, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def report_bounds(root: Path, name: str, rows: Sequence[Row], console: Console) -> int:
    """Writes out/NAME.json below a checkout and says so; exit code 0 when every bound was kept, else 1."""
    output = root / "out" / f"{name}.json"
    write_report(output, measurement_facts(root), rows)
    console.print(f"written to {output}")
    return 1 if any(row.ok is False for row in rows) else 0
