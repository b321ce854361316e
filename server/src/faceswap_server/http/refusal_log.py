"""Log of refused requests and dropped connections: a few lines, then counts, however many there are."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

logger = logging.getLogger("faceswap_server.http")

LINES = 20
"""Single lines in a period; the rest of the period is counted in one line."""

PERIOD_SECONDS = 10.0


class RefusalLog:
    """Writes up to LINES lines in a period, and one line of counts at its end; lives in the server's event loop.

    Attributes:
        total: what was reported since the start, by code.
    """

    def __init__(self, lines: int = LINES, seconds: float = PERIOD_SECONDS) -> None:
        self._lines = lines
        self._seconds = seconds
        self._written = 0
        self._counted: Counter[str] = Counter()
        self._period: asyncio.TimerHandle | None = None
        self.total: Counter[str] = Counter()

    def report(self, code: str, line: str) -> None:
        """Logs `line`, or counts it under `code` (one of few) when the period has its lines."""
        self.total[code] += 1
        if self._period is None:
            self._period = asyncio.get_running_loop().call_later(self._seconds, self.end_period)
        if self._written < self._lines:
            self._written += 1
            logger.info("%s", line)
        else:
            self._counted[code] += 1

    def end_period(self) -> None:
        """Writes the counts of the period, if any; called when the server stops, too."""
        if self._period is not None:
            self._period.cancel()
            self._period = None
        if self._counted:
            counts = ", ".join(f"{code} {count}" for code, count in sorted(self._counted.items()))
            logger.info("not logged one by one in the last %g s: %s", self._seconds, counts)
        self._written = 0
        self._counted.clear()
