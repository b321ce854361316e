"""SIGTERM and Ctrl-C: what was accepted is answered, the rest refused, and the exit code says how it went."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from faceswap_client import Client, ConnectionFailed, FaceSwapError, ServerBusy
from faceswap_server.exit_codes import ExitCode
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton.stub_processes import process_has_ended
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.callers import Callers
from support.served import PATIENCE_S, Served

ON_ITS_WAY_S = 1.0  # what a request that was sent gets to reach the server; those that wait are the next test's


def test_sigterm_under_load_loses_nothing(repository: Path, tmp_path: Path) -> None:
    with Served(tmp_path, f"--repository={repository}") as served:
        state = served.wait_until("healthy")
        with Callers([state["grpc"], state["grpc"], state["http"], state["http"]]) as callers:
            callers.wait_for_answers(8)
            time.sleep(ON_ITS_WAY_S)  # so that those eight count, however fast they were
            told = time.monotonic()
            served.process.send_signal(signal.SIGTERM)
            code, stderr = served.end()
        assert code == ExitCode.STOPPED
        assert "every accepted request was answered" in stderr
        assert not callers.unexpected
        assert callers.asked == len(callers.answers)
        before = [answer for answer in callers.answers if answer.began < told - ON_ITS_WAY_S]
        assert len(before) >= 8
        assert [answer.error for answer in before if answer.error is not None] == []
        refused = [answer.error for answer in callers.answers if answer.error is not None]
        assert refused, "callers went on asking"
        assert all(isinstance(error, (ServerBusy, ConnectionFailed)) for error in refused)
        assert served.state()["phase"] == "stopped"
        assert served.family
        assert all(process_has_ended(process) for process in served.family)
        assert not list(Path("/dev/shm").glob(f"faceswap_p{served.process.pid}_*"))


def test_sigterm_lets_those_finish_who_wait_for_others(tmp_path: Path) -> None:
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=1)
    with Served(tmp_path, f"--repository={slow}") as served:
        state = served.wait_until("healthy")
        with three_waiting_for_one(state) as errors:
            served.process.send_signal(signal.SIGTERM)
            code, stderr = served.end()
    assert code == ExitCode.STOPPED, stderr
    assert "every accepted request was answered" in stderr
    assert errors == []


@pytest.mark.parametrize("triton", ["bundled", "native"])
def test_a_drain_that_takes_too_long_says_what_is_lost(
    triton: str, native_home: Path, repository: Path, tmp_path: Path, group: Path
) -> None:
    which = [f"--triton={native_home}"] if triton == "native" else []
    with Served(tmp_path, f"--repository={repository}", "--drain-seconds=0", *which) as served:
        state = served.wait_until("healthy")
        with Callers([state["grpc"], state["http"]] * 3, group.read_bytes()) as callers:
            callers.wait_for_answers(2)
            served.process.send_signal(signal.SIGTERM)
            code, stderr = served.end()
    assert code == ExitCode.DRAIN_TIMED_OUT
    assert re.search(r"about [1-6] requests? did not finish within 0 s and got no answer \(exit code 11\)", stderr)
    assert callers.asked == len(callers.answers)
    assert not callers.unexpected


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=4)
    with Served(tmp_path, f"--repository={slow}", "--drain-seconds=60") as served:
        state = served.wait_until("healthy")
        with three_waiting_for_one(state) as errors:
            served.process.send_signal(signal.SIGINT)
            served.wait_until("stopping")
            served.process.send_signal(signal.SIGINT)
            code, stderr = served.end()
    assert code == ExitCode.DRAIN_TIMED_OUT
    assert "an unknown number of requests did not finish" in stderr
    assert "Traceback" not in stderr
    assert len(errors) == 4
    assert all(isinstance(error, (ServerBusy, ConnectionFailed)) for error in errors)


def ask(address: str, errors: list[FaceSwapError]) -> None:
    with Client(address, timeout=30, remember_sources=0) as client:
        try:
            client.swap(probe_image(), probe_image())
        except FaceSwapError as error:
            errors.append(error)


@contextmanager
def three_waiting_for_one(state: dict[str, Any]) -> Iterator[list[FaceSwapError]]:
    """Four callers whose requests Triton has, two of each protocol; their errors, all of them in at the end."""
    errors: list[FaceSwapError] = []
    threads = [threading.Thread(target=ask, args=(state[kind], errors)) for kind in ("grpc", "http") * 2]
    for thread in threads:
        thread.start()
    three = re.compile(r'pending_request_count\{model="face_swap",version="1"\} 3')
    deadline = time.monotonic() + PATIENCE_S
    while not three.search(httpx.get(state["metrics"], trust_env=False, timeout=PATIENCE_S).text):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield errors
    for thread in threads:
        thread.join()


def test_a_server_that_cannot_be_brought_back_ends_with_its_code(tmp_path: Path) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=0.01)
    with Served(tmp_path, f"--repository={repository}", "--restarts=1") as served:
        served.wait_until("healthy")
        (repository / "face_swap" / "1" / "model.py").write_text("import a_module_that_does_not_exist\n")
        served.triton().kill()
        code, stderr = served.end()
        assert code == ExitCode.SERVER_FAILED
        assert served.state()["phase"] == "failed"
        assert (served.state()["restarts"], served.state()["crashes"]) == (2, 1)
        assert "server restarting: tritonserver was ended by signal 9 (SIGKILL)" in stderr
        assert "starting the server again in 0.5 s" in stderr
        last = stderr.strip().splitlines()[-1]
        assert last.startswith("faceswap serve: 2 starts in a row did not make it ready; the last failure: ")
        assert "a_module_that_does_not_exist" in last
        assert "exit code 3" in last
        assert "Traceback" not in stderr
        assert all(process_has_ended(process) for process in served.family)


def test_a_server_that_swaps_nothing_is_not_called_healthy(tmp_path: Path) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=0.01, swapped=False)
    with Served(tmp_path, f"--repository={repository}") as served:
        code, stderr = served.end()
    assert code == ExitCode.SWAP_FAILED
    assert "no face was swapped in the built-in image" in stderr.strip().splitlines()[-1]


def test_a_server_that_dies_in_its_first_swap_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=0, deadly=probe_image()[:64])
    with Served(tmp_path, f"--repository={repository}", "--restarts=1") as served:
        code, stderr = served.end()
    assert code == ExitCode.SERVER_FAILED
    assert served.state()["restarts"] == 1
    assert "server restarting: tritonserver was ended by signal 9 (SIGKILL)" in stderr


def test_a_crash_during_the_first_start_is_tried_again(tmp_path: Path) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=0.01)
    with Served(tmp_path, f"--repository={repository}") as served:
        served.wait_for_log("loading: face_swap")
        served.triton().kill()
        state = served.wait_until("healthy")
        assert state["restarts"] == 1
        assert "did not start: it crashed" in state["last_reason"]
        os.kill(served.process.pid, signal.SIGINT)
        assert served.end()[0] == ExitCode.STOPPED


def test_deaths_that_a_restart_heals_never_end_it(tmp_path: Path) -> None:
    """As many as are allowed to failed starts, and more; each is counted, and the pauses grow."""
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=0.01)
    with Served(tmp_path, f"--repository={repository}", "--restarts=1") as served:
        for crashes in range(1, 5):
            served.wait_until("healthy")
            served.triton().kill()
            deadline = time.monotonic() + PATIENCE_S
            while (served.state()["crashes"], served.state()["phase"]) != (crashes, "healthy"):
                assert time.monotonic() < deadline, served.state()
                assert served.process.poll() is None, served.end()
                time.sleep(0.02)
        state = served.state()
        assert (state["restarts"], state["crashes"]) == (4, 4)
        served.process.terminate()
        code, stderr = served.end()
    assert code == ExitCode.STOPPED
    assert re.findall(r"starting the server again in (\S+) s", stderr) == ["0.5", "1.0", "2.0", "4.0"]
    assert re.findall(r"server (crash .*)", stderr) == [f"crash {n} within 600 s ({n} in all)" for n in (2, 3, 4)]
