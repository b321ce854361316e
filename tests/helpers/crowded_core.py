"""A process that has to share one core with many others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

MANY = 6
BUSY = "import os, sys; os.sched_setaffinity(0, [int(sys.argv[1])])\nwhile True: pass"


@contextmanager
def crowded_core(pid: int) -> Iterator[None]:
    """Leaves all threads of a process one core, on which six others never rest; let the process itself be nice."""
    core = min(os.sched_getaffinity(0))
    for thread in psutil.Process(pid).threads():
        os.sched_setaffinity(thread.id, [core])
    with ExitStack() as others:
        for _ in range(MANY):  # each in a session of its own: Linux can share a core out among those first
            other = subprocess.Popen([sys.executable, "-c", BUSY, str(core)], start_new_session=True)
            others.callback(other.wait)
            others.callback(other.kill)
        yield
