"""Gives memory back while a step has nothing to do, and looks after the frame store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from faceswap_core.buffers.heap import trim_heap

IDLE_SECONDS = 30.0
"""A step that has not worked for so long returns the memory it keeps for the next frame (malloc_trim(3)). With 2 s,
callers who come every few seconds paid for fresh pages each time: 54 CPU ms a request at 1080p instead of 47."""
_LOOK_EVERY_SECONDS = 1.0


class Housekeeping:
    """A thread of the step's process.

    Args:
        sweep: called about every second, for example `BufferPool.sweep`.
    """

    def __init__(self, sweep: Callable[[], None]) -> None:
        self._sweep = sweep
        self._worked_at: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, and waits for it."""
        self._ended.set()
        self._thread.join()

    def worked(self) -> None:
        """To be called after every piece of work."""
        self._worked_at = time.monotonic()

    def _keep(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_SECONDS):
            self._sweep()
            if self._worked_at is not None and time.monotonic() - self._worked_at > IDLE_SECONDS:
                self._worked_at = None
                trim_heap()
