"""Callers that never stop asking: what became of each of their requests."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType

from faceswap_client import Client, FaceSwapError
from faceswap_server.supervision.swap_probe import probe_image

TIMEOUT_S = 30.0  # longer than anything here may take: an answer that comes only now is a hang


@dataclass(frozen=True)
class Answer:
    """One request's end."""

    began: float
    ended: float
    error: FaceSwapError | None

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Callers:
    """`with Callers([address, ...]) as callers: ...`: one thread for each address, one request after the other."""

    def __init__(self, addresses: list[str], image: bytes | None = None) -> None:
        self.answers: list[Answer] = []
        self.asked = 0
        self.unexpected: list[BaseException] = []
        self._image = image or probe_image()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(address,)) for address in addresses]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Waits for the answers still due."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def wait_for_answers(self, count: int) -> None:
        """Until `count` requests have been answered well."""
        deadline = time.monotonic() + TIMEOUT_S
        while sum(answer.error is None for answer in self.answers) < count:
            assert time.monotonic() < deadline, f"too few answers: {self.kinds()}"
            time.sleep(0.02)

    def kinds(self) -> Counter[str]:
        """How often each error came; 'answered' for none."""
        return Counter(type(a.error).__name__ if a.error is not None else "answered" for a in self.answers)

    def _ask(self, address: str) -> None:
        with Client(address, timeout=TIMEOUT_S, remember_sources=0) as client:
            while not self._ended.is_set():
                with self._lock:
                    self.asked += 1
                began, failure = time.monotonic(), None
                try:
                    client.swap(self._image, self._image)
                except FaceSwapError as error:
                    failure = error
                except BaseException as error:
                    self.unexpected.append(error)
                    return
                with self._lock:
                    self.answers.append(Answer(began, time.monotonic(), failure))
                if failure is not None:
                    self._ended.wait(0.1)
