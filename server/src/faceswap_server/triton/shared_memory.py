"""Checks that /dev/shm is large enough, before a server that fills it dies with SIGBUS.

Triton's Python backend passes tensors through /dev/shm (about 2.7 times the largest, for every instance, and it never
returns any), and the buffer pool with decoded images is there. Docker's default is 64 MB; a server that runs out is
killed by SIGBUS or answers every request with an error, long after its start.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from faceswap_core.buffers.server_processes import SHARED_MEMORY

from faceswap_server.triton.errors import SetupError

LEAST = 256 * 2**20
"""Bytes without which the server is not started."""
ADVISED = 2 * 2**30
"""Bytes with which /dev/shm was no limit under any load measured."""
HOW = "give a container `docker run --shm-size=2g`, a machine `mount -o remount,size=2G /dev/shm`"


class SharedMemoryTooSmall(SetupError):
    """One line that says how much there is, how much it takes, and how to enlarge it."""


def check_shared_memory(directory: Path = SHARED_MEMORY) -> str | None:
    """None when there is enough, or one line of advice when it is less than advised.

    Raises:
        SharedMemoryTooSmall: there is too little to start.
    """
    try:
        usage = shutil.disk_usage(directory)
    except OSError as error:
        raise SharedMemoryTooSmall(f"{directory} cannot be used ({error.strerror}); {HOW}") from None
    total, free = (f"{size / 2**20:.0f} MB" for size in (usage.total, usage.free))
    least, advised = (f"{size // 2**20} MB" for size in (LEAST, ADVISED))
    if usage.total < LEAST:
        raise SharedMemoryTooSmall(f"{directory} has {total}, the server needs {least} ({advised} advised): {HOW}")
    if usage.free < LEAST:
        raise SharedMemoryTooSmall(
            f"{directory} has {free} free of {total}, the server needs {least}: remove what fills it, or {HOW}"
        )
    if usage.total < ADVISED:
        return f"{directory} has {total}; large images under load may need {advised}: {HOW}"
    return None
