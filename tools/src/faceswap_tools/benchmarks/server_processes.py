"""CPU time and memory of tritonserver and of every step's process."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from faceswap_contract.names import PACK_NETWORKS
from faceswap_core.buffers.server_name import buffer_folder
from faceswap_core.buffers.server_processes import allocated_bytes, regions_of

SERVER = "tritonserver"
# The Python backend starts `triton_python_backend_stub .../model.py <shm> ... <model>_<group>_<instance> ...`.
_INSTANCE = re.compile(r"^(?P<model>[a-z][a-z0-9_]*)_\d+_\d+$|^(?P<shared>[a-z][a-z0-9_]*)_\d+$")


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU seconds, user and system, by model; tritonserver itself is `tritonserver`."""

    by_model: Mapping[str, float]

    def __sub__(self, before: CpuSeconds) -> CpuSeconds:
        return CpuSeconds({name: spent - before.by_model.get(name, 0.0) for name, spent in self.by_model.items()})

    @property
    def total(self) -> float:
        return sum(self.by_model.values())

    @property
    def networks(self) -> float:
        """Of the processes that run onnxruntime: computing, and their share of moving tensors."""
        return sum(spent for name, spent in self.by_model.items() if name in PACK_NETWORKS)

    @property
    def outside_networks(self) -> float:
        return self.total - self.networks


class ServerProcesses:
    """tritonserver and its children, found once: steps neither come nor go while a server is healthy."""

    def __init__(self, pid: int, models: frozenset[str]) -> None:
        server = psutil.Process(pid)
        self._processes = {server.pid: (server, SERVER)}
        self._regions: set[Path] = set()
        self._frames = buffer_folder(pid)
        for child in server.children(recursive=True):
            self._processes[child.pid] = (child, _model_of(child.cmdline(), models))
            self._regions |= regions_of(child)

    def cpu(self) -> CpuSeconds:
        """CPU seconds since each process began, in ticks of 10 ms."""
        spent: dict[str, float] = {}
        for process, model in self._processes.values():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:  # a short-lived helper process that ended after it was listed
                continue
            spent[model] = spent.get(model, 0.0) + times.user + times.system
        return CpuSeconds(spent)

    def memory_bytes(self) -> int:
        """Memory of all processes together. Files in /dev/shm count once and whole, mapped by a process or not."""
        return sum(memory_without_files_in_shm(process) for process, _ in self._processes.values()) + (
            self.shared_memory_bytes()
        )

    def shared_memory_bytes(self) -> int:
        """What Triton's regions in /dev/shm take, which never shrink, and the frames in the store."""
        return allocated_bytes((*self._regions, *self._frames.glob("*")))


class PeakMemory:
    """Highest reading of `memory` between entering and leaving, looked at 10 times a second."""

    def __init__(self) -> None:
        self.bytes = 0


@contextmanager
def watch_memory(processes: ServerProcesses, period_s: float = 0.1) -> Iterator[PeakMemory]:
    """Samples in a thread. Reading page tables costs CPU, in this process and not in the server's."""
    peak, stopped = PeakMemory(), threading.Event()

    def sample() -> None:
        while True:
            peak.bytes = max(peak.bytes, processes.memory_bytes())
            if stopped.wait(period_s):
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stopped.set()
        thread.join()


def memory_without_files_in_shm(process: psutil.Process) -> int:
    """Proportional set size without shared memory: private pages, and of shared files this process's part, in bytes.

    From /proc/PID/smaps_rollup (proc(5), Linux 5.4 for the parts). 0 once the process has ended.
    """
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss_Anon:", "Pss_File:")))


def _model_of(command: list[str], models: frozenset[str]) -> str:
    for word in command:
        found = _INSTANCE.match(word)
        if found:
            name = found.group("model") or found.group("shared")
            if name in models:
                return str(name)
    return "other"
