"""Nothing outlives `faceswap serve`, whatever ends it: no process, no shared memory, and in the end no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from faceswap_core.buffers.server_name import buffer_folder
from faceswap_server.exit_codes import ExitCode
from faceswap_server.triton.server_folder import PREFIX
from faceswap_server.triton.stub_processes import process_has_ended
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.callers import Callers
from support.served import PATIENCE_S, Served

GONE_WITHIN_S = 10.0
SHM = Path("/dev/shm")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of what the test starts."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def what_is_left(served: Served) -> list[str]:
    """Processes and shared memory of a server."""
    processes = [f"{each.pid} {each.name()}" for each in served.family if not process_has_ended(each)]
    memory = [*SHM.glob(f"faceswap_p{served.process.pid}_*"), *SHM.glob(f"faceswap-frames-p{served.process.pid}-*")]
    return processes + list(map(str, memory))


def nothing_is_left(served: Served) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while what_is_left(served):
        assert time.monotonic() < deadline, what_is_left(served)
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signals_that_stop_it_in_order(
    number: signal.Signals, repository: Path, tmp_path: Path, temporary: Path
) -> None:
    with Served(tmp_path, f"--repository={repository}") as served:
        served.wait_until("healthy")
        assert len(list(temporary.glob(f"{PREFIX}*"))) == 1
        served.process.send_signal(number)
        code, stderr = served.end()
        assert code == ExitCode.STOPPED, stderr
        assert "every accepted request was answered" in stderr
        nothing_is_left(served)
        assert list(temporary.glob(f"{PREFIX}*")) == []


def test_sigkill_under_load_leaves_a_folder_at_most_and_the_next_start_removes_that(
    repository: Path, tmp_path: Path, temporary: Path
) -> None:
    with Served(tmp_path, f"--repository={repository}") as served:
        state = served.wait_until("healthy")
        assert what_is_left(served)
        with Callers([state["grpc"], state["http"], state["http"]]) as callers:
            callers.wait_for_answers(6)
            time.sleep(
                2
            )  # gauges are set once a second: a thread that waits for a dead server's answer must not matter
            served.process.kill()
            assert served.end()[0] == -signal.SIGKILL
            nothing_is_left(served)
    left = list(temporary.glob(f"{PREFIX}*"))
    assert len(left) == 1
    stub = lay_out_stub_repository(tmp_path / "stub", seconds=0.01)
    with Served(tmp_path, f"--repository={stub}") as running, Served(tmp_path / "log", f"--repository={stub}") as other:
        running.wait_until("healthy")
        other.wait_until("healthy")
        assert not left[0].exists()
        assert len(list(temporary.glob(f"{PREFIX}*"))) == 2, "the folder of a running server stays"
        for each in (running, other):
            each.process.terminate()
            assert each.end()[0] == ExitCode.STOPPED
    assert list(temporary.rglob("*")) == []


def test_tritonserver_alone_killed_leaves_no_step(repository: Path, tmp_path: Path) -> None:
    with Served(tmp_path, f"--repository={repository}") as served:
        served.wait_until("healthy")
        family, triton = served.family, served.triton()
        buffers = buffer_folder(triton.pid)
        assert buffers.is_dir()
        os.kill(served.process.pid, signal.SIGSTOP)  # or it would clear up itself
        try:
            triton.kill()
            deadline = time.monotonic() + GONE_WITHIN_S
            while left := [each for each in family if not process_has_ended(each)]:
                assert time.monotonic() < deadline, left
                time.sleep(0.05)
            assert not buffers.exists()
        finally:
            os.kill(served.process.pid, signal.SIGCONT)


def test_a_closed_terminal_stops_it_in_order(tmp_path: Path, temporary: Path) -> None:
    stub = lay_out_stub_repository(tmp_path / "stub", seconds=0.01)
    served = Served(tmp_path, f"--repository={stub}")
    ours, its = os.openpty()
    # a session leader whose controlling terminal this is, as a shell that was replaced by `exec faceswap serve`
    command = ["setsid", "--ctty", "--wait", *served.command]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its)
    os.close(its)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while served.state().get("phase") != "healthy":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.close(ours)
        process.wait(PATIENCE_S)
        assert served.state()["phase"] == "stopped"
        assert list(temporary.glob(f"{PREFIX}*")) == []
    finally:
        if process.poll() is None:
            process.kill()


def test_nohup_keeps_it_alive(tmp_path: Path) -> None:
    stub = lay_out_stub_repository(tmp_path / "stub", seconds=0.01)
    served = Served(tmp_path, f"--repository={stub}")
    served.command = ["nohup", *served.command]
    with served:
        served.wait_until("healthy")
        served.process.send_signal(signal.SIGHUP)
        time.sleep(1.5)
        assert served.state()["phase"] == "healthy"
        served.process.terminate()
        assert served.end()[0] == ExitCode.STOPPED
