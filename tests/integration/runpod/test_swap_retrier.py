"""Which swaps are sent again, when, and how often. (Against the real server: test_recovery.py, test_worker.py.)"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from faceswap_client import (
    ConnectionFailed,
    DeadlineExceeded,
    FaceError,
    FaceSwapError,
    ServerBusy,
    ServerError,
)
from faceswap_server.jobs import swap_retrier as module
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.swap_retrier import SwapRetrier, Unsupervised
from faceswap_server.supervision import Phase, ServerState

BROKEN = ConnectionFailed("connection lost")
REFUSED = ConnectionFailed("connection refused", nothing_sent=True)
INTERNAL = ServerError("a fault of ours", code="INTERNAL")


class Scripted:
    """A supervised server in the state a test gives it."""

    def __init__(self) -> None:
        self.phase, self.restarts = Phase.HEALTHY, 0
        self.suspicions: list[str] = []
        self.clears = True

    def state(self) -> ServerState:
        return ServerState(self.phase, self.restarts)

    def report_failure(self, reason: str) -> float:
        self.suspicions.append(reason)
        return time.monotonic()

    def verified(self, since: float) -> bool:
        return self.clears


class Call:
    """Ends in each of the errors in turn, then well."""

    def __init__(self, *errors: FaceSwapError, before_each: Callable[[], object] = lambda: None) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.before_each = before_each

    async def __call__(self, left: float) -> str:
        self.calls += 1
        assert left > 0
        self.before_each()
        if self.errors:
            raise self.errors.pop(0)
        return "swapped"


def run(server: Scripted, call: Callable[[float], Awaitable[str]], seconds: float = 5.0) -> str:
    return asyncio.run(SwapRetrier(server, seconds).run(call))


@pytest.mark.parametrize(
    "error",
    [FaceError("nobody", code="NO_FACE_IN_TARGET"), DeadlineExceeded("late"), ServerBusy("full", turned_away=True)],
)
def test_errors_that_are_the_requests_or_a_full_servers_are_handed_out_at_once(error: FaceSwapError) -> None:
    server, call = Scripted(), Call(error)
    server.clears = False
    with pytest.raises(type(error)):
        run(server, call)
    assert (call.calls, server.suspicions) == (1, [])


def test_a_fault_of_a_server_that_works_is_handed_out_after_a_look_at_it() -> None:
    server, call = Scripted(), Call(INTERNAL)
    with pytest.raises(ServerError):
        run(server, call)
    assert (call.calls, server.suspicions) == (1, ["a swap ended in INTERNAL"])


def test_a_look_that_comes_to_no_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VERDICT_SECONDS", 0.1)
    server, call = Scripted(), Call(INTERNAL)
    server.clears = False
    with pytest.raises(ServerError):
        run(server, call)


@pytest.mark.parametrize("error", [INTERNAL, BROKEN, ServerBusy("stopping", turned_away=True)])
def test_a_swap_is_sent_again_when_the_server_was_started_again_meanwhile(error: FaceSwapError) -> None:
    server = Scripted()
    server.clears = False
    call = Call(error, before_each=lambda: setattr(server, "restarts", server.restarts + 1))
    assert run(server, call) == "swapped"
    assert call.calls == 2


def test_a_connection_that_broke_is_reason_enough() -> None:
    call = Call(BROKEN)
    assert run(Scripted(), call) == "swapped"
    assert call.calls == 2


def test_twice_and_no_more() -> None:
    call = Call(*[BROKEN] * 9)
    with pytest.raises(JobError, match="INTERNAL: the server died during this swap 3 times"):
        run(Scripted(), call)
    assert call.calls == 3


def test_a_refused_connection_did_no_harm_and_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT_SECONDS", 0.001)
    call = Call(*[REFUSED] * 20, BROKEN, BROKEN)
    assert run(Scripted(), call) == "swapped"
    with pytest.raises(ConnectionFailed, match="refused"):
        run(Scripted(), Call(*[REFUSED] * 100))


def test_it_waits_for_the_server_and_no_longer_than_its_deadline() -> None:
    server, call = Scripted(), Call()
    server.phase = Phase.RESTARTING

    async def come_back() -> str:
        waiting = asyncio.ensure_future(SwapRetrier(server, 5.0).run(call))
        await asyncio.sleep(0.1)
        assert call.calls == 0
        server.phase = Phase.HEALTHY
        return await waiting

    assert asyncio.run(come_back()) == "swapped"
    server.phase = Phase.RESTARTING
    with pytest.raises(JobError, match=r"DEADLINE_EXCEEDED: the server was not back within 0\.2 s"):
        run(server, call, 0.2)
    for gone in (Phase.FAILED, Phase.STOPPED, Phase.STOPPING):
        server.phase = gone
        with pytest.raises(JobError, match="SERVER_UNAVAILABLE"):
            run(server, call)
    assert call.calls == 1


def test_last_attempts_are_made_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT_SECONDS", 0.0)
    under_way, most = [0, 0, 0], [0, 0, 0]

    def swap() -> Callable[[float], Awaitable[None]]:
        attempts = iter(range(3))

        async def call(_left: float) -> None:
            attempt = next(attempts)
            under_way[attempt] += 1
            most[attempt] = max(most[attempt], under_way[attempt])
            await asyncio.sleep(0.03)
            under_way[attempt] -= 1
            if attempt < 2:
                raise BROKEN

        return call

    async def eight() -> None:
        repeats = SwapRetrier(Scripted(), 5.0)
        await asyncio.gather(*(repeats.run(swap()) for _ in range(8)))

    asyncio.run(eight())
    assert most == [8, 8, 1]


def test_a_last_attempt_that_is_cancelled_makes_room_for_the_next() -> None:
    async def scenario() -> str:
        repeats = SwapRetrier(Scripted(), 5.0)
        attempts = 0

        async def stuck(_left: float) -> str:
            nonlocal attempts
            attempts += 1
            if attempts == 3:
                await asyncio.sleep(60)
            raise BROKEN

        first = asyncio.ensure_future(repeats.run(stuck))
        while attempts < 3:
            await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await repeats.run(Call(BROKEN, BROKEN))

    assert asyncio.run(scenario()) == "swapped"


def test_nobody_looks_after_a_server_without_a_supervisor() -> None:
    call = Call(INTERNAL)
    with pytest.raises(ServerError):
        asyncio.run(SwapRetrier(Unsupervised(), 5.0).run(call))
    assert call.calls == 1
