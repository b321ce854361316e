"""Callers that keep sending during a fault, and the outcome of every request."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType

from faceswap_client import AsyncClient, Client, FaceSwapError
from faceswap_server.supervision.swap_probe import probe_image

ANSWERED = "answered"
DEADLINE_SECONDS = 60.0
PAUSE_SECONDS = 0.25
"""After an error: a caller who hammers a server that is down would only measure the loop."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: when it began and ended (monotonic seconds), and `ANSWERED` or an error code."""

    began: float
    ended: float
    outcome: str


async def outcome_of_swap(client: AsyncClient, source: bytes, target: bytes, timeout: float | None = None) -> str:
    """`ANSWERED` or an error code; `timeout`: seconds, by default the client's."""
    try:
        await client.swap(source, target, timeout=timeout)
    except FaceSwapError as error:
        return error.code
    return ANSWERED


class Callers:
    """`with Callers(address, 4) as callers: ...`; inside, so many threads swap a small image again and again.

    A call is lost when its caller is left without result and without error until the deadline.
    """

    def __init__(self, address: str, count: int, *, retries: int = 0) -> None:
        self._address, self._count, self._retries = address, count, retries
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(count)]

    @property
    def calls(self) -> list[Call]:
        """What has ended so far."""
        with self._lock:
            return list(self._calls)

    @property
    def outcomes(self) -> Counter[str]:
        """Calls by outcome."""
        return Counter(call.outcome for call in self.calls)

    @property
    def lost(self) -> int:
        """Calls without an answer."""
        return sum(call.outcome == "DEADLINE_EXCEEDED" for call in self.calls)

    def wait_for_answers(self, count: int, seconds: float = 60.0) -> None:
        """Until so many more calls were answered; raises TimeoutError."""
        wanted, deadline = self.outcomes[ANSWERED] + count, time.monotonic() + seconds
        while self.outcomes[ANSWERED] < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"fewer than {count} answers in {seconds:g} s: {dict(self.outcomes)}")
            time.sleep(0.02)

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(DEADLINE_SECONDS + 10.0)

    def _call(self) -> None:
        image = probe_image()
        with Client(self._address, timeout=DEADLINE_SECONDS, remember_sources=0, retries=self._retries) as client:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    client.swap(image, image)
                    outcome = ANSWERED
                except FaceSwapError as error:
                    outcome = error.code
                with self._lock:
                    self._calls.append(Call(began, time.monotonic(), outcome))
                if outcome != ANSWERED:
                    self._stop.wait(PAUSE_SECONDS)
