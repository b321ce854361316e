"""Overload curve as a table and as an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.table import Table

from faceswap_tools.load.open_loop import Outcome

WIDTH, PANEL_HEIGHT = 960, 320
LEFT, RIGHT, TOP, BOTTOM = 80, 170, 50, 46
INK, GRID, GREY, PAPER = (40, 40, 40), (222, 222, 222), (150, 150, 150), (255, 255, 255)
BLUE, ORANGE, RED, GREEN = (31, 105, 178), (214, 118, 20), (190, 40, 40), (60, 140, 60)

Line = tuple[str, tuple[int, int, int], Callable[[Outcome], float | None]]


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """One row per offered rate; latencies in milliseconds, of answered requests."""
    table = Table(title="rates per second, latencies in ms; late: the generator itself", title_justify="left")
    for heading in ("offered", "sent", "answered", "refused", "failed", "p50", "p95", "p99", "late"):
        table.add_column(heading, justify="right")
    for outcome in outcomes:
        failed = ", ".join(f"{count} {code}" for code, count in sorted(outcome.failures.items()))
        table.add_row(
            f"{outcome.offered:g}",
            str(outcome.sent),
            f"{outcome.goodput:.2f}",
            str(outcome.refused),
            failed or "0",
            *(_milliseconds(outcome.percentile(percent)) for percent in (50, 95, 99)),
            f"{outcome.late_ms:.0f}",
        )
    return table


def draw_curve(outcomes: Sequence[Outcome], path: Path, title: str) -> None:
    """Writes a PNG: answers and refusals per second above, latencies below, both against the offered rate."""
    image = Image.new("RGB", (WIDTH, 2 * PANEL_HEIGHT), PAPER)
    rates: list[Line] = [
        ("offered", GREY, lambda outcome: outcome.offered),
        ("answered", BLUE, lambda outcome: outcome.goodput),
        ("refused (busy)", RED, lambda outcome: outcome.refused / outcome.seconds if outcome.seconds else None),
    ]
    latencies: list[Line] = [
        ("p50", GREEN, lambda outcome: outcome.percentile(50)),
        ("p95", ORANGE, lambda outcome: outcome.percentile(95)),
        ("p99", RED, lambda outcome: outcome.percentile(99)),
    ]
    _panel(image, 0, outcomes, rates, title, "requests per second")
    _panel(image, PANEL_HEIGHT, outcomes, latencies, "", "latency of answered requests, ms")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _panel(
    image: Image.Image, y: int, outcomes: Sequence[Outcome], lines: Sequence[Line], title: str, label: str
) -> None:
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=15)
    values = [value for _, _, of in lines for outcome in outcomes if (value := of(outcome)) is not None]
    tallest, widest = _round_up(max(values, default=1.0)), _round_up(max(outcome.offered for outcome in outcomes))
    bottom, height, width = y + PANEL_HEIGHT - BOTTOM, PANEL_HEIGHT - TOP - BOTTOM, WIDTH - LEFT - RIGHT

    def at(rate: float, value: float) -> tuple[float, float]:
        return LEFT + width * rate / widest, bottom - height * value / tallest

    draw.text((LEFT, y + 8), title, font=ImageFont.load_default(size=18), fill=INK)
    draw.text((LEFT, y + 30), label, font=font, fill=INK)
    for step in range(5):
        share = step / 4
        draw.line([at(0, tallest * share), at(widest, tallest * share)], fill=GRID)
        draw.text((LEFT - 8, at(0, tallest * share)[1]), f"{tallest * share:g}", font=font, fill=INK, anchor="rm")
        draw.text((at(widest * share, 0)[0], bottom + 6), f"{widest * share:g}", font=font, fill=INK, anchor="ma")
    draw.text((LEFT + width / 2, bottom + 26), "offered, requests per second", font=font, fill=INK, anchor="ma")
    for row, (name, colour, of) in enumerate(lines):
        points = [at(outcome.offered, value) for outcome in outcomes if (value := of(outcome)) is not None]
        if len(points) > 1:
            draw.line(points, fill=colour, width=3, joint="curve")
        for x, place in points:
            draw.ellipse((x - 4, place - 4, x + 4, place + 4), fill=colour)
        key = y + TOP + 22 * row + 8
        draw.line([(WIDTH - RIGHT + 20, key), (WIDTH - RIGHT + 44, key)], fill=colour, width=3)
        draw.text((WIDTH - RIGHT + 52, key), name, font=font, fill=INK, anchor="lm")


def _round_up(value: float) -> float:
    """The next 1, 2, 4 or 8 times a power of ten; quarters of it read well on an axis."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
