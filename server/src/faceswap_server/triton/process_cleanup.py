"""Ends the steps' processes that a tritonserver which has ended leaves behind."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from faceswap_server.triton.stub_processes import process_has_ended

NOTICE_SECONDS = 2.0
"""Steps notice by themselves that their server has gone; those that have not after this are killed."""
KILL_SECONDS = 5.0
"""Until the kernel has ended those that were killed."""
CHECK_INTERVAL_SECONDS = 0.02


class ProcessCleanup:
    """Remembers while a server runs what must go with it: a killed server's children can no longer be found."""

    def __init__(self) -> None:
        self._children: dict[int, psutil.Process] = {}

    def remember(self, server_pid: int) -> None:
        """Records the processes the server has started so far."""
        try:
            children = psutil.Process(server_pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        self._children.update({child.pid: child for child in children})

    def end_children(self, *, at_once: bool = False) -> None:
        """Ends every process of a server that has ended.

        `at_once`: the server was broken; its steps have nothing to finish, and the restart should not wait.
        """
        alive = _wait_for(self._children.values(), 0.0 if at_once else NOTICE_SECONDS)
        for child in alive:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        _wait_for(alive, KILL_SECONDS)
        self._children.clear()


def _wait_for(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that have not ended after so many seconds. A zombie has ended, whenever its parent takes note of it."""
    deadline = time.monotonic() + seconds
    alive = list(processes)
    while (alive := [each for each in alive if not process_has_ended(each)]) and time.monotonic() < deadline:
        time.sleep(CHECK_INTERVAL_SECONDS)
    return alive
