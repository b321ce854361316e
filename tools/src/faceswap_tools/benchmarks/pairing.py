"""Interleaved measurement of several variants, so that background load affects all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds of one way: the median, and half the distance between the quartiles."""

    median: float
    spread: float
    rounds: int


def alternate(
    ways: Mapping[str, Callable[[], object]],
    *,
    seconds: float,
    rounds: tuple[int, int] = (3, 31),
    clock: Callable[[], float] = time.process_time,
) -> dict[str, Measured]:
    """Runs every way once to warm it, then interleaves them until the time is up.

    Args:
        ways: what to call, by name. Each call does the whole work once.
        seconds: of wall time, for all ways together; a round that has begun is finished.
        rounds: at least and at most.
        clock: CPU time of this process with all its threads; `time.perf_counter` for wall time.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    began, done = time.monotonic(), 0
    while done < rounds[0] or (done < rounds[1] and time.monotonic() - began < seconds):
        for name, way in ways.items():
            start = clock()
            way()
            taken[name].append((clock() - start) * 1e3)
        done += 1
    return {name: summary(values) for name, values in taken.items()}


def summary(values: list[float]) -> Measured:
    """Median and half the interquartile range."""
    if len(values) < 2:
        return Measured(values[0] if values else 0.0, 0.0, len(values))
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Measured(middle, (high - low) / 2, len(values))


def ratio(above: Measured, below: Measured) -> tuple[float, float]:
    """How many times `above` is `below`, and the spread of that: relative spreads add up."""
    times = above.median / below.median
    return times, times * (above.spread / above.median + below.spread / below.median)
