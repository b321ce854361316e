"""Sends a job's swap again when the server died under it.

A swap depends on nothing but its inputs and changes nothing, so it may be done twice. But an image may be what kills
the server. So a swap is sent again at most twice, and the second time while no other swap is in its last attempt: what
kills the server each time then meets its last death alone, and those that were beside it before are answered.
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
"""How often and after what pause a refused connection is tried again: a death is noticed after 0.2 s, and a gRPC
channel that was refused waits up to a second before it looks for the server again."""
LOOK_SECONDS = 0.02
"""Between two looks at the server's state."""
VERDICT_SECONDS = 10.0
"""An error is handed out after this when the examination it led to has come to no end."""

_Result = TypeVar("_Result")


class Unsupervised:
    """A `SupervisedServer` that nobody looks after: always healthy, never started again."""

    def state(self) -> ServerState:
        return ServerState(Phase.HEALTHY)

    def report_failure(self, reason: str) -> float:
        return time.monotonic()

    def verified(self, since: float) -> bool:
        return True


class SwapRetrier:
    """Runs swaps on a server that may be started again meanwhile; belongs to one event loop."""

    def __init__(self, server: SupervisedServer, seconds: float) -> None:
        """`seconds`: what one swap may take, waiting and repeats included."""
        self._server = server
        self._seconds = seconds
        self._last_attempt = False  # somebody's is under way
        self._said_of = -1

    async def run(self, call: Callable[[float], Awaitable[_Result]]) -> _Result:
        """The result of `call(seconds left)`, which is called when the server is healthy.

        Raises:
            FaceSwapError: of the call, when no death of the server is to blame, or nobody listens any more.
            JobError: DEADLINE_EXCEEDED while it waited, SERVER_UNAVAILABLE when the server has been given up,
                INTERNAL when the server has died under it each time.
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
                    elif not isinstance(error, ServerBusy):  # that one was turned away before it could do any harm
                        deaths += 1
                        self._say(error, restarts, deaths)
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

    def _say(self, error: FaceSwapError, restarts: int, deaths: int) -> None:
        if deaths > MOST_RETRIES:
            message = f"the server died under this swap {deaths} times; it is not tried again"
            raise JobError("INTERNAL", message) from error
        if self._said_of != restarts:  # once for each death, however many swaps met it
            self._said_of = restarts
            logger.warning("the server died under a swap (%s): it is sent again when the server is back", error.code)
