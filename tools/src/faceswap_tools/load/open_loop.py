"""Open-loop load generator: requests arrive on schedule, whether or not earlier ones have been answered.

A closed loop waits for answers and so slows down with the server; callers in the world do not. Latency counts from
the moment a request was due, not from when it could be sent.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from faceswap_client import FaceSwapError, ServerBusy

LONGEST_SECONDS = 300.0
"""A rate never runs longer than this."""
MOST_REQUESTS = 20_000
"""A rate never sends more than this."""


class Arrivals(str, Enum):
    """`poisson`: independent callers, gaps vary; `uniform`: a clock."""

    POISSON = "poisson"
    UNIFORM = "uniform"


@dataclass(slots=True)
class Outcome:
    """What came of one offered rate.

    Latencies are milliseconds of answered requests. `failures` counts by error code what was neither answered nor
    refused as busy. `late_ms` is how late the generator itself was at worst: large values mean that it, not the
    server, was the limit.
    """

    offered: float  # requests per second, as asked for
    seconds: float = 0.0
    sent: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    refusals_ms: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    late_ms: float = 0.0

    @property
    def goodput(self) -> float:
        """Answers per second, from the first request due until the last answer."""
        return len(self.latencies_ms) / self.seconds if self.seconds else 0.0

    @property
    def refused(self) -> int:
        return len(self.refusals_ms)

    def percentile(self, percent: int) -> float | None:
        """Latency of answered requests in milliseconds; None when there are none."""
        if not self.latencies_ms:
            return None
        if len(self.latencies_ms) == 1:
            return self.latencies_ms[0]
        return statistics.quantiles(self.latencies_ms, n=100, method="inclusive")[percent - 1]


def arrival_times(rate: float, seconds: float, arrivals: Arrivals, seed: int) -> Iterator[float]:
    """Seconds from the beginning at which requests are due, ascending, all below `seconds`.

    The gaps of a Poisson process are exponentially distributed with mean 1 / rate.
    """
    source = random.Random(seed)  # noqa: S311
    due = 0.0
    for _ in range(MOST_REQUESTS):
        due += source.expovariate(rate) if arrivals is Arrivals.POISSON else 1.0 / rate
        if due >= seconds:
            return
        yield due


async def offer(
    call: Callable[[], Awaitable[object]],
    rate: float,
    *,
    seconds: float,
    arrivals: Arrivals = Arrivals.POISSON,
    seed: int = 0,
    most_waiting: int = 1000,
) -> Outcome:
    """Offers `rate` requests per second for a while, waits for what is under way, and tells what came of it.

    Args:
        call: one request; raises errors of faceswap_client.
        most_waiting: requests under way at once; what is due above it is counted as `GENERATOR_FULL`, unsent.

    Raises:
        ValueError: a rate or time that is not above 0, or longer than `LONGEST_SECONDS`.
    """
    if not rate > 0 or not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(f"rate={rate:g} for {seconds:g} s is not allowed: above 0, at most {LONGEST_SECONDS:g} s")
    outcome, under_way = Outcome(rate), set[asyncio.Task[None]]()
    began = time.perf_counter()
    for due in arrival_times(rate, seconds, arrivals, seed):
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        outcome.late_ms = max(outcome.late_ms, (time.perf_counter() - began - due) * 1e3)
        if len(under_way) >= most_waiting:
            outcome.failures["GENERATOR_FULL"] = outcome.failures.get("GENERATOR_FULL", 0) + 1
            continue
        outcome.sent += 1
        task = asyncio.create_task(_one(call, began + due, outcome))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    if under_way:
        await asyncio.wait(under_way)
    outcome.seconds = max(seconds, time.perf_counter() - began)
    return outcome


async def _one(call: Callable[[], Awaitable[object]], due: float, outcome: Outcome) -> None:
    try:
        await call()
    except ServerBusy:
        outcome.refusals_ms.append((time.perf_counter() - due) * 1e3)
    except FaceSwapError as error:
        outcome.failures[error.code] = outcome.failures.get(error.code, 0) + 1
    else:
        outcome.latencies_ms.append((time.perf_counter() - due) * 1e3)


async def sweep(
    call: Callable[[], Awaitable[object]],
    rates: list[float],
    *,
    seconds: float,
    arrivals: Arrivals = Arrivals.POISSON,
    seed: int = 0,
    done: Callable[[Outcome], object] = lambda outcome: None,
) -> list[Outcome]:
    """`offer` at one rate after the other, from an idle server each time. `done` gets each outcome."""
    outcomes = []
    for number, rate in zip(itertools.count(seed), rates, strict=False):
        outcomes.append(await offer(call, rate, seconds=seconds, arrivals=arrivals, seed=number))
        done(outcomes[-1])
    return outcomes
