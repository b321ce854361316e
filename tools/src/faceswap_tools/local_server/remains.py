"""What a tritonserver leaves behind when it ends or is killed: its steps' processes, their regions, its frames."""

from __future__ import annotations

import os
import secrets
import shutil

import psutil
from faceswap_core.frames.leasing import frames_folder
from faceswap_core.frames.server_processes import SHARED_MEMORY

from faceswap_tools.local_server.shared_memory import region_prefix

NOTICE_SECONDS = 2.0
"""Steps notice by themselves that their server has gone; those that have not after this are killed."""


class Remains:
    """Remembers while a server runs what must go with it: a killed server's children can no longer be found."""

    def __init__(self) -> None:
        self.region_prefix = f"{region_prefix(os.getpid())}{secrets.token_hex(3)}_"
        self._children: dict[int, psutil.Process] = {}

    @property
    def backend_argument(self) -> str:
        """tritonserver's argument that gives the regions of its steps our prefix."""
        return f"--backend-config=python,shm-region-prefix-name={self.region_prefix}"

    def remember(self, server_pid: int) -> None:
        """Takes down the processes the server has started so far."""
        try:
            children = psutil.Process(server_pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        self._children.update({child.pid: child for child in children})

    def remove(self, server_pid: int | None) -> None:
        """Ends every process and deletes every region and frame of a server that has ended."""
        alive = [child for child in self._children.values() if child.is_running()]
        _, alive = psutil.wait_procs(alive, timeout=NOTICE_SECONDS)
        for child in alive:
            child.kill()
        psutil.wait_procs(alive, timeout=5.0)
        self._children.clear()
        for region in SHARED_MEMORY.glob(f"{self.region_prefix}*"):
            region.unlink(missing_ok=True)
        if server_pid is not None:
            shutil.rmtree(frames_folder(server_pid), ignore_errors=True)
