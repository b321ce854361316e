"""Abandoned gRPC calls: after the caller's timeout they run to their end on the server and are never cancelled.

Triton 24.10's gRPC server can crash when a call is cancelled while its response is being built, and all other callers'
requests are lost with it (Triton's issues 7368 and 8034; last fixed in its pull request 8220 of May 2025). So the
caller's timeout goes to the server as a request parameter, which ends the work between two steps just as well, and the
call's own gRPC deadline is much later: it is for a server that does not answer at all.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

LAST_RESORT_SECONDS = 30.0
"""Added to the caller's timeout; then gRPC cancels."""
CLOSING_SECONDS = 1.0
"""Time that abandoned calls have to end before their connection is closed, which cancels them."""


def last_resort(timeout: float | None) -> float | None:
    """The gRPC deadline of a call with this timeout, in seconds."""
    return None if timeout is None else timeout + LAST_RESORT_SECONDS


class AbandonedCalls:
    """Keeps calls, grpcio's futures or asyncio's tasks, from being collected, which would cancel them."""

    def __init__(self) -> None:
        self._calls: set[Any] = set()

    def keep(self, call: Any) -> None:
        """Keeps a call until it is done."""
        self._calls.add(call)
        call.add_done_callback(self._done)

    def _done(self, call: Any) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # asyncio logs an exception that was never retrieved

    def wait(self) -> None:
        """Waits for grpcio's futures, at most `CLOSING_SECONDS` in all."""
        until = time.monotonic() + CLOSING_SECONDS
        for call in tuple(self._calls):
            with suppress(Exception):
                call.result(max(0.0, until - time.monotonic()))

    async def wait_async(self) -> None:
        """Waits for asyncio's tasks, at most `CLOSING_SECONDS` in all."""
        if self._calls:
            await asyncio.wait(tuple(self._calls), timeout=CLOSING_SECONDS)
