"""The container's health check, against a worker of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faceswap_server.exit_codes import ExitCode
from faceswap_server.runpod import health
from faceswap_server.supervision import Phase, ServerState, swap_probe
from faceswap_server.supervision.state import StateFile, read_state
from faceswap_server.triton import TritonServer
from faceswap_server.triton.ports import free_port
from support.runpod_worker import StartWorker, has_sdk


def check(state: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FACESWAP_STATE_FILE": str(state)}
    command = [sys.executable, "-m", "faceswap_server.runpod.health"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not has_sdk(), reason="the gateway's packages are not installed (`make setup` installs them)")
def test_healthy_while_the_server_swaps_and_no_longer(start_worker: StartWorker, stub: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    environment = {"MODE": "lb", "FACESWAP_STATE_FILE": str(state), "FACESWAP_MODEL_REPOSITORY": str(stub)}
    environment["PORT"] = str(free_port())
    worker = start_worker(environment)
    assert check(state).returncode == 1, "it has only just started"
    assert wait_for(state, Phase.HEALTHY) == Phase.HEALTHY
    done = check(state)
    assert (done.returncode, done.stdout) == (0, "a swap works\n")
    model = stub / "face_swap" / "1" / "model.py"
    model.write_text(f"import time\ntime.sleep(5)\n{model.read_text()}")
    os.kill(worker.server(), signal.SIGKILL)
    assert wait_for(state, Phase.RESTARTING) == Phase.RESTARTING
    done = check(state)
    assert done.returncode == 1
    assert done.stdout == "the worker's server is restarting: tritonserver was ended by signal 9 (SIGKILL)\n"
    assert wait_for(state, Phase.HEALTHY) == Phase.HEALTHY
    assert check(state).returncode == 0
    assert worker.stop() == ExitCode.STOPPED
    done = check(state)
    assert done.returncode == 1
    assert "the worker's server is stopped" in done.stdout


def wait_for(path: Path, phase: Phase, timeout: float = 60.0) -> Phase | None:
    """The phase the file says in the end."""
    deadline = time.monotonic() + timeout
    while ((state := read_state(path)) is None or state.phase is not phase) and time.monotonic() < deadline:
        time.sleep(0.02)
    return None if state is None else state.phase


def healthy(path: Path, http_url: str) -> None:
    StateFile(path, lambda: {"http": http_url}).write(ServerState(Phase.HEALTHY))


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    healthy(state, f"http://127.0.0.1:{free_port()}")
    done = check(state)
    assert done.returncode == 1
    assert "CONNECTION_FAILED" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_busy_server_is_healthy(tmp_path: Path, server: TritonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(url: str, timeout: float) -> None:
        assert url == server.http_url
        raise swap_probe.NotReady(ExitCode.SWAP_FAILED, "SERVER_BUSY: full", busy=True)

    state = tmp_path / "state.json"
    healthy(state, server.http_url)
    monkeypatch.setenv("FACESWAP_STATE_FILE", str(state))
    assert health.look() == (0, "a swap works")
    monkeypatch.setattr(swap_probe, "check_swap", busy)
    assert health.look() == (0, "busy: SERVER_BUSY: full")


def test_a_server_that_hangs_is_not_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        state = tmp_path / "state.json"
        healthy(state, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("FACESWAP_STATE_FILE", str(state))
        monkeypatch.setattr(health, "SECONDS", 0.5)
        code, line = health.look()
    assert code == 1
    assert "DEADLINE_EXCEEDED" in line


def test_without_a_file_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACESWAP_STATE_FILE", raising=False)
    code, line = health.look()
    assert code == 1
    assert "FACESWAP_STATE_FILE" in line


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"phase": "sleeping"}'])
def test_a_file_that_makes_no_sense(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    assert read_state(state) is None
    monkeypatch.setenv("FACESWAP_STATE_FILE", str(state))
    assert health.look() == (1, "the worker has not said yet how its server is")
