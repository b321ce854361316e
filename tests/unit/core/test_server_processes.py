"""What a server uses and waits for."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
from faceswap_core.buffers.server_processes import ServerProcesses
from support.crowded_core import crowded_core


def used_and_waited(pid: int, seconds: float) -> tuple[float, float]:
    """Cores, over so many seconds."""
    processes, began = ServerProcesses(pid), time.monotonic()
    used, waited = processes.used_cpu_seconds(), processes.waited_cpu_seconds()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    return (processes.used_cpu_seconds() - used) / elapsed, (processes.waited_cpu_seconds() - waited) / elapsed


def test_a_process_without_a_core_waits_for_one_and_one_at_rest_does_not() -> None:
    work = "print(flush=True)\nwhile True: pass"
    # in a session of its own, because a session is nice as a whole
    with subprocess.Popen([sys.executable, "-c", work], stdout=-1, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with crowded_core(psutil.Process(process.pid), niceness=8):
            used, waited = used_and_waited(process.pid, 2.0)
        process.kill()
    assert used < 0.4
    assert 0.7 < used + waited < 1.2
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert sum(used_and_waited(process.pid, 0.5)) < 0.3
        process.communicate(b"\n")


def test_a_process_that_has_ended_uses_nothing_and_waits_for_nothing() -> None:
    gone = ServerProcesses(2**22 + 1)
    assert (gone.used_cpu_seconds(), gone.waited_cpu_seconds()) == (0.0, 0.0)
