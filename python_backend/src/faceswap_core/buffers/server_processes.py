"""Memory and processor time of tritonserver and its steps, and the memory limit of the container or machine."""

from __future__ import annotations

import os
import stat as modes
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

SHARE_OF_LIMIT = 0.9
"""Share of the container's or machine's memory; the rest is for other processes and the kernel."""
_LOOK_FOR_CHILDREN_EVERY_S = 10.0  # reading all of /proc costs 10 ms; steps start with the server
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  the tmpfs every Linux has; nothing in it reaches a disk


def memory_limit(mounted: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes the server may hold when no limit is set: nine tenths of what this process may have, or of the machine.

    Its control group and every group above it count (`docker run --memory`, systemd's MemoryMax), in version 1 and 2
    (cgroups(7), "/proc/[pid]/cgroup"): the smallest limit holds.

    Args:
        mounted: where control groups are mounted.
        membership: names this process's group in each hierarchy, a line `ID:CONTROLLERS:PATH` each.
    """
    limits = [psutil.virtual_memory().total]
    for file in _limit_files(mounted, membership):
        with suppress(OSError):  # the root has none, nor a group that lies outside what is mounted here
            text = file.read_text().strip()
            if text.isdigit():  # "max" where there is none
                limits.append(int(text))
    return int(min(limits) * SHARE_OF_LIMIT)


def _limit_files(mounted: Path, membership: Path) -> Iterator[Path]:
    """The file with the memory limit of each group that this process is in, its own first, up to what is mounted."""
    groups = {"memory.max": "", "memory/memory.limit_in_bytes": ""}  # version 2, version 1
    with suppress(OSError):
        for line in membership.read_text(errors="surrogateescape").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                groups["memory.max"] = path
            elif "memory" in controllers.split(","):
                groups["memory/memory.limit_in_bytes"] = path
    for name, path in groups.items():
        hierarchy, file = mounted / Path(name).parent, Path(name).name
        # `/../..` names a group above the root of this namespace: not to be seen from here
        parts = () if ".." in Path(path).parts else Path(path.lstrip("/")).parts
        for depth in range(len(parts), -1, -1):
            yield hierarchy.joinpath(*parts[:depth], file)


class ServerProcesses:
    """The process tree of one server.

    Args:
        server: process id of tritonserver, which is a step's parent.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._pids: list[int] = []
        self._regions: set[Path] = set()
        self._looked_at = float("-inf")
        self._waits: dict[int, float] = {}  # by thread
        self._waited = 0.0

    def held_bytes(self) -> int:
        """Anonymous memory of every process, and Triton's regions in shared memory.

        A region counts once, by the size of its file: tritonserver maps a region that has grown a second time, and
        its RssShmem counts every page in each mapping (docs/adr/0022-memory-budget.md).
        """
        return sum(map(_anonymous_bytes, self._family())) + allocated_bytes(self._regions)

    def used_cpu_seconds(self) -> float:
        """Processor time of every process since it began, user and system; children that have ended are not in it."""
        return sum(map(_cpu_seconds, self._family()))

    def waited_cpu_seconds(self) -> float:
        """Time in which their threads were ready to run and had no core, so far; for differences.

        On a busy machine a server at work may use next to no processor time. Reading 480 threads takes 12 ms.
        """
        waits = {thread: seconds for pid in self._family() for thread, seconds in _waits_for_a_core(pid)}
        self._waited += sum(seconds - self._waits.get(thread, 0.0) for thread, seconds in waits.items())
        self._waits = waits
        return self._waited

    def _family(self) -> list[int]:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_FOR_CHILDREN_EVERY_S:
            self._look()
            self._looked_at = now
        return self._pids

    def _look(self) -> None:
        try:
            children = psutil.Process(self._server).children(recursive=True)
        except psutil.Error:
            children = []
        self._pids = [self._server, *(child.pid for child in children)]
        self._regions = {region for child in children for region in regions_of(child)}
        make_private(self._regions)


def regions_of(step: psutil.Process) -> set[Path]:
    """Triton's shared memory for a step of the Python backend, whose command line names it.

    Only files of this user: others may make files under /dev/shm whose names are words of a command line.
    """
    try:
        words = step.cmdline()
    except psutil.Error:
        return set()
    return {SHARED_MEMORY / word for word in words if word and "/" not in word and _is_own(SHARED_MEMORY / word)}


def _is_own(path: Path) -> bool:
    try:
        stat = path.lstat()
    except OSError:
        return False
    return modes.S_ISREG(stat.st_mode) and stat.st_uid == os.geteuid()


def make_private(regions: Iterable[Path]) -> None:
    """Takes from other users what Triton gives them: its regions are made with mode 0644, whatever the umask.

    A server of our launcher makes them with 0600 (`faceswap_server.triton.process_setup`); one started without it is
    corrected here, some seconds later. Who has opened a region before keeps it open.
    """
    for region in regions:
        with suppress(OSError):  # deleted, or replaced by a link
            descriptor = os.open(region, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                stat = os.fstat(descriptor)
                if modes.S_ISREG(stat.st_mode) and stat.st_uid == os.geteuid() and stat.st_mode & 0o077:
                    os.fchmod(descriptor, 0o600)
            finally:
                os.close(descriptor)


def allocated_bytes(paths: Iterable[Path]) -> int:
    """Memory that files on a tmpfs take, in bytes; 0 for those that are deleted."""
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total


def _anonymous_bytes(pid: int) -> int:
    """RssAnon of /proc/PID/status (proc(5): kB, and an 's' of kernel lag); 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def _waits_for_a_core(pid: int) -> Iterator[tuple[int, float]]:
    """Each thread of a process, and for how many seconds so far it was ready to run and had no core.

    The second number of /proc/PID/task/TID/schedstat, in nanoseconds (Linux: Documentation/scheduler/sched-stats.rst).
    No threads where the kernel was built without it. (`Path` would take three times as long.)
    """
    tasks = f"/proc/{pid}/task"
    with suppress(OSError):  # the process has ended
        for thread in os.listdir(tasks):  # noqa: PTH208
            with suppress(OSError, ValueError, IndexError), open(f"{tasks}/{thread}/schedstat", "rb", 0) as file:  # noqa: PTH123
                yield int(thread), int(file.read().split()[1]) / 1e9


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
