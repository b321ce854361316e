"""Calls over gRPC that nobody waits for any more: they are left to end by themselves, never cancelled.

Triton's gRPC server can crash when a call is cancelled while its answer is being made (its issues 7368 and 8034; the
last repair is its pull request 8220 of May 2025): with 24.10 and eight callers who gave up after 0.05 to 0.4 s, within
40 s, and all other callers' requests were lost with it. So a caller's time goes to the server as a request parameter,
which ends the work between two steps just as well, and the call's own deadline is much later: for a server that does
not answer at all.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

LAST_RESORT_SECONDS = 30.0
"""After a caller's own time; then gRPC cancels."""
CLOSING_SECONDS = 1.0
"""What calls that are left running get to end before their connection is closed, which cancels them."""


def last_resort(timeout: float | None) -> float | None:
    """The deadline gRPC itself gets, in seconds."""
    return None if timeout is None else timeout + LAST_RESORT_SECONDS


class AbandonedCalls:
    """Keeps calls, grpcio's futures or asyncio's tasks, from being collected, which would cancel them."""

    def __init__(self) -> None:
        self._calls: set[Any] = set()

    def keep(self, call: Any) -> None:
        """Until it is done, whoever waits for it."""
        self._calls.add(call)
        call.add_done_callback(self._done)

    def _done(self, call: Any) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # asyncio complains of a failure nobody has looked at

    def wait(self) -> None:
        """For grpcio's futures, `CLOSING_SECONDS` in all."""
        until = time.monotonic() + CLOSING_SECONDS
        for call in tuple(self._calls):
            with suppress(Exception):
                call.result(max(0.0, until - time.monotonic()))

    async def wait_async(self) -> None:
        """For asyncio's tasks, `CLOSING_SECONDS` in all."""
        if self._calls:
            await asyncio.wait(tuple(self._calls), timeout=CLOSING_SECONDS)
