"""What a server uses and waits for."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from faceswap_core.buffers.server_processes import SHARE_OF_LIMIT, ServerProcesses, memory_limit
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


V2, V1 = "memory.max", "memory.limit_in_bytes"
UNLIMITED_V1 = 2**63 - 4096


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/", {V2: 5000}, 5000),  # a container's own namespace
        ("0::/system.slice/faces.service", {f"system.slice/faces.service/{V2}": 4000}, 4000),  # systemd's MemoryMax
        ("0::/a/b/c", {f"a/b/c/{V2}": "max", f"a/b/{V2}": 7000, f"a/{V2}": 9000}, 7000),
        ("0::/a/b", {f"a/b/{V2}": 7000, f"a/{V2}": 3000}, 3000),
        ("0::/../../elsewhere", {V2: 6000, f"elsewhere/{V2}": 1000}, 6000),
        ("0::/docker/1f", {V2: 6000}, 6000),  # the host's name, where only the container's own group is mounted
        ("4:memory:/a:b/c", {f"memory/a:b/c/{V1}": 2000, f"memory/{V1}": UNLIMITED_V1}, 2000),
        ("5:cpu:/x\n4:memory:/a", {f"memory/a/{V1}": 2000, f"memory/x/{V1}": 1}, 2000),
        ("4:hugetlb,memory:/a\n0::/z", {f"memory/a/{V1}": 8000, f"z/{V2}": 1500}, 1500),
    ],
)
def test_the_smallest_memory_limit_on_the_way_up_holds(
    membership: str, files: dict[str, object], expected: int, tmp_path: Path
) -> None:
    for name, limit in files.items():
        (tmp_path / "mounted" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mounted" / name).write_text(f"{limit}\n")
    (tmp_path / "cgroup").write_text(f"{membership}\n")
    assert memory_limit(tmp_path / "mounted", tmp_path / "cgroup") == int(expected * SHARE_OF_LIMIT)


def test_without_any_limit_it_is_the_machines_memory(tmp_path: Path) -> None:
    assert memory_limit(tmp_path, tmp_path / "none") == int(psutil.virtual_memory().total * SHARE_OF_LIMIT)
