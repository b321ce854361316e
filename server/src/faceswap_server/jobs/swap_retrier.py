"""Retry of a job's swap after the server died during it.

A swap is idempotent, so it may run twice. But its image may be what crashes the server (a poison request). So a swap is
retried at most twice, and last attempts run one at a time: a poison request crashes the server without the others that
were in flight beside it before, and those are answered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from faceswap_client import ConnectionFailed, DeadlineExceeded, FaceSwapError, ServerBusy

from faceswap_server.jobs.job_errors import JobError, is_servers_fault, to_job_error
from faceswap_server.supervision import Phase, ServerState, SupervisedServer

logger = logging.getLogger(__name__)

MOST_RETRIES = 2
MOST_RECONNECTS = 50
RECONNECT_SECONDS = 0.1
"""Retries of a refused connection and the pause between them: a death is noticed after 0.2 s, and a refused gRPC
channel waits up to a second before it reconnects."""
LOOK_SECONDS = 0.02
"""Polling interval of the server's state."""
VERDICT_SECONDS = 10.0
"""Longest wait for the health check that an error caused; then the error is returned."""

_Result = TypeVar("_Result")


class Unsupervised:
    """A `SupervisedServer` without a supervisor: always healthy, never restarted."""

    def state(self) -> ServerState:
        return ServerState(Phase.HEALTHY)

    def report_failure(self, reason: str) -> float:
        return time.monotonic()

    def verified(self, since: float) -> bool:
        return True


class SwapRetrier:
    """Runs swaps on a server that may restart during them; belongs to one event loop."""

    def __init__(self, server: SupervisedServer, seconds: float) -> None:
        """`seconds`: deadline of one swap, waits and retries included."""
        self._server = server
        self._seconds = seconds
        self._last_attempt = False  # whether one is running
        self._logged_restarts = -1

    async def run(self, call: Callable[[float], Awaitable[_Result]]) -> _Result:
        """The result of `call(seconds left)`, which is called when the server is healthy.

        Raises:
            FaceSwapError: of the call, when the server did not die, or when its connection retries are used up.
            JobError: DEADLINE_EXCEEDED while it waited, SERVER_UNAVAILABLE when the server failed for good,
                INTERNAL when the server died during every attempt.
        """
        deadline = time.monotonic() + self._seconds
        deaths = reconnects = 0
        while True:
            async with self._turn(deadline, alone=deaths == MOST_RETRIES):
                restarts = self._server.state().restarts
                try:
                    return await call(max(deadline - time.monotonic(), LOOK_SECONDS))
                except FaceSwapError as error:
                    if isinstance(error, ConnectionFailed) and error.nothing_sent:
                        reconnects += 1
                        if reconnects > MOST_RECONNECTS:
                            raise
                        self._server.report_failure("a connection was refused")
                    elif not await self._died(error, restarts, deadline):
                        raise
                    elif not isinstance(error, ServerBusy):  # a refused request cannot have caused it
                        deaths += 1
                        self._check_deaths(error, restarts, deaths)
            await asyncio.sleep(RECONNECT_SECONDS)

    @asynccontextmanager
    async def _turn(self, deadline: float, *, alone: bool) -> AsyncIterator[None]:
        """Waits until the server is healthy, and with `alone` until no other swap is in its last attempt."""
        while not self._server.state().takes_requests or (alone and self._last_attempt):
            if self._server.state().phase not in (Phase.STARTING, Phase.RESTARTING, Phase.HEALTHY):
                raise JobError("SERVER_UNAVAILABLE", "the server behind the worker could not be brought back")
            if time.monotonic() >= deadline:
                raise JobError("DEADLINE_EXCEEDED", f"the server was not back within {self._seconds:g} s")
            await asyncio.sleep(LOOK_SECONDS)
        if alone:
            self._last_attempt = True
        try:
            yield
        finally:
            if alone:
                self._last_attempt = False

    async def _died(self, error: FaceSwapError, restarts: int, deadline: float) -> bool:
        """Whether the server died under a call that was sent after so many restarts, or hung up on it."""
        if isinstance(error, ServerBusy):
            return self._has_failed(restarts)
        if isinstance(error, DeadlineExceeded) or not is_servers_fault(to_job_error(error).code):
            return False
        since = self._server.report_failure(f"a swap ended in {error.code}")
        verdict_due = min(deadline, time.monotonic() + VERDICT_SECONDS)
        while not self._has_failed(restarts):
            if self._server.verified(since) or time.monotonic() >= verdict_due:
                return isinstance(error, ConnectionFailed)
            await asyncio.sleep(LOOK_SECONDS)
        return True

    def _has_failed(self, restarts: int) -> bool:
        state = self._server.state()
        return not state.takes_requests or state.restarts != restarts

    def _check_deaths(self, error: FaceSwapError, restarts: int, deaths: int) -> None:
        if deaths > MOST_RETRIES:
            message = f"the server died during this swap {deaths} times; it is not retried"
            raise JobError("INTERNAL", message) from error
        if self._logged_restarts != restarts:  # one line per death, however many swaps it interrupted
            self._logged_restarts = restarts
            logger.warning("the server died during a swap (%s): it is retried when the server is back", error.code)
