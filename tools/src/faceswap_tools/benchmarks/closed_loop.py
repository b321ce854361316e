"""Closed-loop load generator: a fixed number of callers, each with one request in flight."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """What the callers saw. Latencies in milliseconds, every request once."""

    in_flight: int
    seconds: float
    latencies_ms: list[float]

    @property
    def requests(self) -> int:
        return len(self.latencies_ms)

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def percentile(self, percent: int) -> float:
        """Latency that `percent` of the requests stayed within; the slowest one where they are few."""
        if len(self.latencies_ms) < 2:
            return self.latencies_ms[0]
        return statistics.quantiles(self.latencies_ms, n=100, method="inclusive")[percent - 1]


def run_closed_loop(
    call: Callable[[], object], in_flight: int, *, seconds: float, requests: tuple[int, int] = (1, 100_000)
) -> ClosedLoop:
    """Calls from `in_flight` threads until the time is up; what has begun is finished and counted.

    Args:
        call: one request; an error ends the run and is raised.
        requests: at least and at most this many, whatever the time says.
    """
    taken, numbers = [], itertools.count()
    began = time.perf_counter()
    failed = threading.Event()

    def caller() -> None:
        while not failed.is_set():
            number = next(numbers)
            if number >= requests[1] or (number >= requests[0] and time.perf_counter() - began > seconds):
                return
            start = time.perf_counter()
            try:
                call()
            except BaseException:
                failed.set()
                raise
            taken.append((time.perf_counter() - start) * 1e3)

    with ThreadPoolExecutor(in_flight) as pool:
        for future in [pool.submit(caller) for _ in range(in_flight)]:
            future.result()
    return ClosedLoop(in_flight, time.perf_counter() - began, taken)
