"""What the server's processes hold and spend, and how much memory they may hold."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

SHARE_OF_LIMIT = 0.9
"""Of the container's or machine's memory; the rest is for its other processes and the kernel's own."""
_LOOK_FOR_CHILDREN_EVERY_S = 60.0  # a look through all of /proc costs 10 ms, and steps start with the server
_CGROUP_FILES = ("memory.max", "memory/memory.limit_in_bytes")  # version 2, version 1
_NAMES = {"RssAnon", "RssShmem"}


def memory_limit(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes the server may hold when no limit is set: nine tenths of the control group's limit, or of the machine."""
    total = psutil.virtual_memory().total
    for name in _CGROUP_FILES:
        try:
            text = (cgroup / name).read_text().strip()
        except OSError:
            continue
        if text.isdigit():  # "max" where there is none
            total = min(total, int(text))
    return int(total * SHARE_OF_LIMIT)


class ServerProcesses:
    """tritonserver and all its steps, measured.

    Args:
        server: process id of tritonserver, which is a step's parent.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._pids: list[int] = []
        self._looked_at = float("-inf")

    def held_bytes(self) -> int:
        """Anonymous memory of every process, and shared memory that tritonserver has mapped (Triton's own regions)."""
        total = 0
        for pid in self._family():
            status = _status(pid)
            total += status.get("RssAnon", 0)
            if pid == self._server:
                total += status.get("RssShmem", 0)
        return total

    def cpu_seconds(self) -> float:
        """Processor time of every process since it began, user and system; children that have ended are not in it."""
        return sum(_cpu_seconds(pid) for pid in self._family())

    def _family(self) -> list[int]:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_FOR_CHILDREN_EVERY_S:
            self._pids, self._looked_at = self._processes(), now
        return self._pids

    def _processes(self) -> list[int]:
        try:
            children = psutil.Process(self._server).children(recursive=True)
        except psutil.Error:
            return [self._server]
        return [self._server, *(child.pid for child in children)]


def _status(pid: int) -> dict[str, int]:
    """Bytes by name; nothing of a process that has ended. (/proc/PID/status, proc(5): kB, and an 's' of kernel lag.)"""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name: int(value.split()[0]) * 1024 for name, value in pairs if name in _NAMES}


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
