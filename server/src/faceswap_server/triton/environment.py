"""Environment variables of a tritonserver process and of the Python stubs it starts.

The allocator settings are written here and nowhere else: every launcher passes them to the server it starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(64 * 2**10),
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20),
    "MALLOC_ARENA_MAX": "4",  # each arena keeps its own free memory; glibc's default is eight for every core
}
"""glibc's settings for tritonserver. gRPC receives an image in pieces of 64 KiB; in the heap they leave holes that are
never returned to the system. Steps set their own thresholds (`faceswap_core.buffers.heap`)."""


def server_environment(base: Mapping[str, str], libraries: tuple[Path, ...], *, python_path: bool) -> dict[str, str]:
    """The allocator's settings, the server's libraries, and this interpreter's packages for the Python steps.

    Args:
        base: the launcher's environment; its own allocator settings win.
        libraries: directories of shared libraries, searched first.
        python_path: whether the stubs run this interpreter's version of Python, and so can import its packages.
    """
    environment = ALLOCATOR | dict(base)
    if libraries:
        environment["LD_LIBRARY_PATH"] = _joined([*map(str, libraries), base.get("LD_LIBRARY_PATH", "")])
    if python_path:
        # the interpreter inside a stub does not know our virtual environment; give it what this one can import
        environment["PYTHONPATH"] = _joined([path for path in sys.path if path and Path(path).exists()])
        environment["PATH"] = _joined([str(Path(sys.executable).parent), base.get("PATH", "")])
        environment["PYTHONNOUSERSITE"] = "1"
        environment.pop("PYTHONHOME", None)
    return environment


def _joined(parts: list[str]) -> str:
    return os.pathsep.join(part for part in parts if part)
