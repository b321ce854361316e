"""Idempotent shutdown signal of the worker: set once, by a signal or by the end of its server."""

from __future__ import annotations

import threading
from collections.abc import Callable

from faceswap_server.exit_codes import ExitCode


class Shutdown:
    """The first `begin` decides the exit code. Safe to call from any thread and from signal handlers."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may run while its own thread holds it
        self._code: ExitCode | None = None
        self._callbacks: list[Callable[[], object]] = []

    @property
    def code(self) -> ExitCode | None:
        """The worker's exit code; None until shutdown has begun."""
        return self._code

    def begin(self, code: ExitCode) -> None:
        """Sets the exit code and runs the callbacks; later calls change nothing."""
        with self._lock:
            if self._code is not None:
                return
            self._code = code
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()

    def fail(self, code: ExitCode) -> None:
        """Replaces an exit code of 0, when stopping itself failed."""
        with self._lock:
            if self._code is ExitCode.STOPPED:
                self._code = code

    def on_begin(self, callback: Callable[[], object]) -> None:
        """Calls `callback` when shutdown begins, in the thread that begins it; immediately if it has begun."""
        with self._lock:
            self._callbacks.append(callback)
            begun = self._code is not None
        if begun:
            callback()
