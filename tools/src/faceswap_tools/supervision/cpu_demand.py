"""How much a server wants to run: what tells one that is slow from one that hangs."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil


class CpuDemand:
    """Of one tritonserver and its stubs, from one question to the next. Not for several threads at once.

    Time in which a thread was ready to run and had no core counts as well: on a machine that others keep busy a server
    at work may get next to no CPU time.
    """

    def __init__(self, server_pid: int) -> None:
        self._pid = server_pid
        self._used, self._waited, self._asked_at = 0.0, dict[int, float](), time.monotonic()
        self.cores()

    def cores(self) -> float:
        """Cores that its threads together used or waited for since this was last asked; none when it is gone."""
        family = _family(self._pid)
        used, waited, now = sum(map(_cpu_seconds, family)), _seconds_without_a_core(family), time.monotonic()
        wanted = used - self._used + sum(waited[thread] - self._waited.get(thread, 0.0) for thread in waited)
        elapsed = max(now - self._asked_at, 1e-3)
        self._used, self._waited, self._asked_at = used, waited, now
        return wanted / elapsed


def _family(server_pid: int) -> list[psutil.Process]:
    try:
        server = psutil.Process(server_pid)
        return [server, *server.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu_seconds(process: psutil.Process) -> float:
    """Used so far, by threads that have ended too."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _seconds_without_a_core(family: list[psutil.Process]) -> dict[int, float]:
    """By thread: time so far in which it was ready to run and did not; without those the kernel does not tell.

    It is the second number in /proc/PID/task/TID/schedstat, in nanoseconds (Linux, Documentation/scheduler/
    sched-stats.rst); a kernel may be built without it.
    """
    waited = {}
    for process in family:
        for file in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            with suppress(OSError, ValueError, IndexError):  # a thread that has ended
                waited[int(file.parent.name)] = int(file.read_text().split()[1]) / 1e9
    return waited
