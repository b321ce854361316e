"""Restart policy: growing pauses after crashes, and a limit on starts in a row that fail."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential back-off, and a limit on failed starts; all times in seconds.

    A crash is the failure of a server that was ready. A restart heals it, so it never ends the supervisor, only the
    pauses grow. A start that fails may not be healed by another: `limit` of them are repeated.
    """

    limit: int = 5  # repetitions of a start, until one of them is ready
    window_s: float = 600.0  # a crash makes the pauses longer for this time
    first_delay_s: float = 0.5
    factor: float = 2.0
    longest_delay_s: float = 30.0

    def delay(self, failures: int) -> float:
        """The pause after so many failures, 0 for the first."""
        delay = self.first_delay_s
        for _ in range(failures):  # not a power: many failures would overflow it
            if delay >= self.longest_delay_s:
                break
            delay *= self.factor
        return min(delay, self.longest_delay_s)


class RestartBudget:
    """Counts the failures of one server. Times are of any clock that only goes forward."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._crashes: deque[float] = deque()
        self._failed_starts = 0

    @property
    def recent_crashes(self) -> int:
        """Crashes within the window, up to the last one counted."""
        return len(self._crashes)

    def after_crash(self, now: float) -> float:
        """Counts a crash; how long to wait before the restart.

        Crashes older than the window are forgotten, so a server that dies once a day starts at once each time.
        """
        self._failed_starts = 0  # it was ready
        while self._crashes and now - self._crashes[0] >= self._policy.window_s:
            self._crashes.popleft()
        self._crashes.append(now)
        return self._policy.delay(len(self._crashes) - 1)

    def after_failed_start(self) -> float | None:
        """Counts a start that failed; how long to wait before the next, or None when the limit is reached."""
        if self._failed_starts >= self._policy.limit:
            return None
        self._failed_starts += 1
        return self._policy.delay(max(0, len(self._crashes) - 1) + self._failed_starts - 1)
