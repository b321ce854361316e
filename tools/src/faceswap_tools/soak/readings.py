"""Resource readings of a server: memory, file descriptors, threads, shared memory, requests in flight."""

from __future__ import annotations

from dataclasses import dataclass, fields

import psutil
from faceswap_core.buffers.server_name import buffer_folder
from faceswap_core.buffers.server_processes import SHARED_MEMORY, ServerProcesses, allocated_bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """Of tritonserver and all its steps together.

    memory_mb: anonymous memory and Triton's own shared regions, MB.
    frames_mb: decoded frames in the store and the targets as they were sent, in use or kept for reuse.
    regions_mb: Triton's regions in /dev/shm, which never shrink.
    """

    memory_mb: float
    frames_mb: float
    regions_mb: float
    descriptors: float
    threads: float
    processes: float
    in_flight: float


def read_server(server_pid: int, region_prefix: str) -> Reading:
    """Looks at a running server.

    Args:
        region_prefix: what names of its regions in /dev/shm begin with.
    """
    family = [psutil.Process(server_pid), *psutil.Process(server_pid).children(recursive=True)]
    frames = list(buffer_folder(server_pid).glob("*.*"))
    return Reading(
        memory_mb=ServerProcesses(server_pid).held_bytes() / 1e6,
        frames_mb=allocated_bytes(frames) / 1e6,
        regions_mb=allocated_bytes(SHARED_MEMORY.glob(f"{region_prefix}*")) / 1e6,
        descriptors=sum(process.num_fds() for process in family),
        threads=sum(process.num_threads() for process in family),
        processes=len(family),
        in_flight=sum(path.suffix == ".target" for path in frames),
    )


NAMES = tuple(field.name for field in fields(Reading))
