"""The frame store of the server this process belongs to, and a lease that is given back when decoding fails."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil

from faceswap_core.buffers.buffer_pool import BufferPool
from faceswap_core.buffers.lease import Lease
from faceswap_core.buffers.memory_budget import MemoryBudget
from faceswap_core.buffers.orphaned_leases import OrphanedLeases
from faceswap_core.buffers.request_images import RequestImages, Size
from faceswap_core.buffers.server_processes import SHARED_MEMORY, ServerProcesses, memory_limit
from faceswap_core.errors import InternalError
from faceswap_core.limits import Limits

_PREFIX = "faceswap-frames-"


def server_buffer_pool(limits: Limits, server: int, shared_memory: Path = SHARED_MEMORY) -> BufferPool:
    """The store that all steps of one server share.

    Args:
        server: process id of tritonserver, a step's parent. It names the folder, unless `limits` does; folders of
            servers that have ended are deleted.
    """
    _delete_folders_of_ended_servers(shared_memory)
    limit = limits.memory_limit_mb * 2**20 if limits.memory_limit_mb is not None else memory_limit()
    processes = ServerProcesses(server)
    budget = MemoryBudget(limit, limits.max_in_flight, processes.held_bytes)
    folder = limits.frames_directory or buffer_folder(server, shared_memory)
    lost = OrphanedLeases(folder, limits.request_seconds, processes.used_cpu_seconds, processes.waited_cpu_seconds)
    return BufferPool(folder, budget, limits.request_seconds, lost)


def buffer_folder(server: int, shared_memory: Path = SHARED_MEMORY) -> Path:
    """Where the steps of the tritonserver with this process id keep frames, unless they are told otherwise."""
    return shared_memory / f"{_PREFIX}{server}"


def _delete_folders_of_ended_servers(shared_memory: Path) -> None:
    for folder in shared_memory.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX)
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


class NewLease:
    """`with NewLease(store) as new: ...`; `new.allocate` leases; given back when the block fails, else decoded.

    Args:
        encoded: the target as it was sent, for a step that will ask for it.
    """

    def __init__(self, store: BufferPool, encoded: bytes = b"") -> None:
        self._store, self._encoded = store, encoded
        self._lease: Lease | None = None

    @property
    def lease(self) -> Lease:
        """What was leased; raises InternalError when nothing was."""
        if self._lease is None:
            raise InternalError("no frames were leased")
        return self._lease

    def allocate(self, target: Size, sources: Sequence[Size]) -> RequestImages:
        """An `Allocate` in the store."""
        self._lease, frames = self._store.lease(target, sources, self._encoded)
        return frames

    def __enter__(self) -> NewLease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lease is None:
            return
        if error is None:
            self._store.decoded(self._lease)
        else:
            self._store.release(self._lease)
