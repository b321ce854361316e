"""What tritonserver is started through: its files stay private, and it dies with its parent."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from faceswap_server.triton import process_setup

SCRIPT = """
import os, sys
descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
os.fchmod(descriptor, 0o644)  # as Boost.Interprocess does
print(oct(os.fstat(descriptor).st_mode & 0o777))
os.fchmod(descriptor, 0o500)
print(oct(os.fstat(descriptor).st_mode & 0o777))
os.write(descriptor, b"x")
os.chmod(sys.argv[1], 0o640)
print(oct(os.fstat(descriptor).st_mode & 0o777))
"""


def prepared(*command: str) -> list[str]:
    return [*process_setup.command(), *command]


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="on this processor fchmod cannot be filtered; run on x86-64"
)
@pytest.mark.parametrize("through", [(), ("/bin/sh", "-c", 'exec "$@"', "sh")], ids=["itself", "a child of it"])
def test_no_mode_for_others_is_set_at_any_time(tmp_path: Path, through: tuple[str, ...]) -> None:
    command = prepared(*(through or ()), sys.executable, "-c", SCRIPT, str(tmp_path / "region"))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0o600", "0o500", "0o640"], "other modes, and chmod by name, are as they were"


def test_the_filter_lets_everything_else_pass() -> None:
    """The program in an interpreter of BPF: number, architecture and mode of a call, and what becomes of it."""
    arm, fchmod, _ = process_setup._ARCHITECTURES["aarch64"]
    for architecture, number, mode, allowed in (
        (arm, fchmod, 0o644, False),
        (arm, fchmod, 0o601, False),
        (arm, fchmod, 0o600, True),
        (arm, fchmod + 1, 0o644, True),
        (0xC000003E, fchmod, 0o644, True),
    ):
        call = {0: number, 4: architecture, 24: mode}
        assert run_bpf(process_setup.filter_program(arm, fchmod), call) == (0x7FFF0000 if allowed else 0x00050000)


def run_bpf(code: bytes, call: dict[int, int]) -> int:
    position = accumulator = 0
    while True:
        operation, yes, no = (
            int.from_bytes(code[position : position + 2], "little"),
            code[position + 2],
            code[position + 3],
        )
        operand = int.from_bytes(code[position + 4 : position + 8], "little")
        position += 8
        if operation == 0x06:
            return operand
        if operation == 0x20:
            accumulator = call[operand]
        else:
            holds = accumulator == operand if operation == 0x15 else bool(accumulator & operand)
            position += 8 * (yes if holds else no)


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    launcher = "import subprocess, sys, time; from faceswap_server.triton import process_setup\n"
    launcher += "child = subprocess.Popen([*process_setup.command(), '/bin/sleep', '60'])\n"
    launcher += "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", launcher, str(told)]) as parent:
        deadline = time.monotonic() + 30
        while not (told.exists() and told.read_text() and psutil.Process(int(told.read_text())).name() == "sleep"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    pid = int(told.read_text())
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
