"""Background thread of a step: sweeps the buffer pool and returns free heap memory while the step is idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from faceswap_core.buffers.heap import trim_heap

IDLE_SECONDS = 30.0
"""After this time without a request a step returns its free heap memory (malloc_trim(3)). Shorter times cost callers
who come every few seconds fresh pages each time; see docs/adr/0023-heap-of-a-step.md."""
_LOOK_EVERY_SECONDS = 1.0


class Housekeeping:
    """Housekeeping thread of a step's process.

    Args:
        sweep: called about every second, for example `BufferPool.sweep`.
    """

    def __init__(self, sweep: Callable[[], None]) -> None:
        self._sweep = sweep
        self._worked_at: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stops and joins the thread."""
        self._ended.set()
        self._thread.join()

    def worked(self) -> None:
        """Restarts the idle time; to be called after every batch of requests."""
        self._worked_at = time.monotonic()

    def _keep(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_SECONDS):
            self._sweep()
            if self._worked_at is not None and time.monotonic() - self._worked_at > IDLE_SECONDS:
                self._worked_at = None
                trim_heap()
