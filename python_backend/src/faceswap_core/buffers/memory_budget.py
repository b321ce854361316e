"""Admission control: a limit on requests in flight, and on the memory that all processes of the server hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from faceswap_core.errors import ServerBusy, TooManyPixels

WORKING_FACTOR = 3.0
"""Peak memory of a request in units of its buffers; the worst case is a transparent PNG, decoded as BGRA. See
docs/adr/0022-memory-budget.md."""
SHORTEST_RETRY_S, LONGEST_RETRY_S = 0.1, 10.0
RETRY_WHEN_IDLE_S = 1.0
"""With nothing in flight the memory is taken by request bodies that are still arriving and will be refused."""
_MEASURE_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class PoolUsage:
    """What the buffer pool holds.

    requests: leases in force; mean_age_s: how long they have been, on average.
    leased_bytes, free_bytes: of their segments, and of those waiting for reuse.
    stalled: nothing has been accepted and nothing has ended for a while.
    """

    requests: int
    mean_age_s: float
    leased_bytes: int
    free_bytes: int
    stalled: bool = False


class MemoryBudget:
    """Admission of requests.

    Args:
        limit_bytes: what the server may hold altogether.
        max_in_flight: requests between their lease and their last step.
        measure: bytes the server's processes hold now, without the buffer pool.
    """

    def __init__(self, limit_bytes: int, max_in_flight: int, measure: Callable[[], int]) -> None:
        self.limit_bytes = limit_bytes
        self.max_in_flight = max_in_flight
        self._measure = measure
        self._measured, self._measured_at = 0, float("-inf")
        self._least: int | None = None

    def admit(self, buffer_bytes: int, usage: PoolUsage, drop_free: Callable[[], None]) -> None:
        """Returns when a request may be accepted.

        Args:
            buffer_bytes: of its decoded images and of what is kept beside them.
            usage: of the pool without it.
            drop_free: deletes the pool's free segments; called when their memory is needed.

        Raises:
            ServerBusy: not now; the message ends in when to try again.
            TooManyPixels: never, the memory limit is too small for these images.
        """
        if usage.requests >= self.max_in_flight and not usage.stalled:
            raise ServerBusy(f"{usage.requests} requests are in flight, the most this server takes; {_retry(usage)}")
        needed = WORKING_FACTOR * buffer_bytes
        held = self.processes_bytes() + usage.leased_bytes
        promised = (WORKING_FACTOR - 1.0) * usage.leased_bytes  # what accepted requests may still allocate
        if held + promised + usage.free_bytes + needed <= self.limit_bytes:
            return
        drop_free()
        if held + promised + needed <= self.limit_bytes:
            return
        least = self._least or 0
        if least + needed > self.limit_bytes:
            raise TooManyPixels(
                f"the images need {_megabytes(needed)} MB to work on, and of this server's memory limit "
                f"{_megabytes(max(0, self.limit_bytes - least))} MB are left for that"
            )
        raise ServerBusy(
            f"the memory limit of {_megabytes(self.limit_bytes)} MB leaves no room for "
            f"{_megabytes(needed)} MB now; {_retry(usage)}"
        )

    def processes_bytes(self) -> int:
        """What the server's processes hold, without the pool; measured at most ten times a second."""
        now = time.monotonic()
        if now - self._measured_at >= _MEASURE_EVERY_S:
            self._measured, self._measured_at = self._measure(), now
            self._least = self._measured if self._least is None else min(self._least, self._measured)
        return self._measured


def _retry(usage: PoolUsage) -> str:
    if usage.requests == 0:
        return f"retry after {round(RETRY_WHEN_IDLE_S * 1000)} ms"
    # on average a request takes twice as long as it has taken so far, so this is when the next one should end
    until_one_ends = 2.0 * usage.mean_age_s / usage.requests
    seconds = min(max(until_one_ends, SHORTEST_RETRY_S), LONGEST_RETRY_S)
    return f"retry after {round(seconds * 1000)} ms"


def _megabytes(count: float) -> int:
    return round(count / 2**20)
