"""Restart policy: exponential back-off, and a limit within a sliding window."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential back-off and a limit within a sliding window; all times in seconds."""

    limit: int = 5  # restarts within the window; the next failure ends it
    window_s: float = 600.0
    first_delay_s: float = 0.5
    factor: float = 2.0
    longest_delay_s: float = 30.0


class RestartBudget:
    """Counts the restarts of one server. Times are of any clock that only goes forward."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._restarts: deque[float] = deque()

    def next_delay(self, now: float) -> float | None:
        """How long to wait before the next restart, which is counted; None when the limit is reached.

        Restarts older than the window are forgotten, so a server that fails once a day starts at once each time.
        """
        while self._restarts and now - self._restarts[0] >= self._policy.window_s:
            self._restarts.popleft()
        if len(self._restarts) >= self._policy.limit:
            return None
        delay = self._policy.first_delay_s * self._policy.factor ** len(self._restarts)
        self._restarts.append(now)
        return min(delay, self._policy.longest_delay_s)
