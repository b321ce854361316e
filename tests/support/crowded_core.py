"""Processes that have to share one core with others that never rest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

MANY = 6
BUSY = "import os, sys; os.sched_setaffinity(0, [int(sys.argv[1])])\nwhile True: pass"


@contextmanager
def crowded_core(process: psutil.Process, niceness: int) -> Iterator[None]:
    """Leaves a process and its children one core, on which six others come first; 8 leaves them a fortieth of it."""
    core = min(os.sched_getaffinity(0))
    for each in (process, *process.children(recursive=True)):
        each.nice(niceness)
        with suppress(OSError):  # where Linux shares cores out among sessions first; a kernel need not have it
            Path(f"/proc/{each.pid}/autogroup").write_text(str(niceness))
        for thread in each.threads():
            os.sched_setaffinity(thread.id, [core])
    with ExitStack() as others:
        for _ in range(MANY):
            other = subprocess.Popen([sys.executable, "-c", BUSY, str(core)], start_new_session=True)
            others.callback(other.wait)
            others.callback(other.kill)
        yield
