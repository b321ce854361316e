"""Starts that others disturb: a step that is killed while it loads, callers who ask before we have."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from faceswap_server.exit_codes import ExitCode
from faceswap_server.supervision import RestartPolicy, SupervisionSettings
from faceswap_server.supervision.first_swap import prove_swap
from faceswap_server.supervision.swap_probe import NotReady
from faceswap_server.triton import ServerSettings, TritonServer
from faceswap_server.triton.ports import free_port
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.callers import Callers
from support.served import Served
from support.supervised import Watched

ONCE = SupervisionSettings(restarts=RestartPolicy(limit=1, first_delay_s=0.1))


def dies_once_in(method: str, folder: Path) -> Path:
    """A stub repository whose step is killed the first time it is in `method`."""
    stub = lay_out_stub_repository(folder / "stub", seconds=0)
    model = stub / "face_swap" / "1" / "model.py"
    die = f"""
        if not os.path.exists({str(folder / "died")!r}):
            open({str(folder / "died")!r}, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
"""
    execute = "    def execute(self, requests):\n"
    head = execute if method == "execute" else "    def initialize(self, args):\n"
    text = model.read_text()
    assert execute in text
    model.write_text(text.replace(execute, head + die + ("" if method == "execute" else "\n" + execute)))
    return stub


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("initialize", "the process of face_swap_0_0 died while it was loading"),
        ("execute", "the process of face_swap_0_0 died"),
    ],
)
def test_a_step_that_is_killed_in_the_first_start_is_started_again(method: str, reason: str, tmp_path: Path) -> None:
    stub = dies_once_in(method, tmp_path)
    watched = Watched(TritonServer(ServerSettings(stub, log=tmp_path / "server.log")), ONCE)
    watched.supervisor.start()
    try:
        assert reason in watched.wait_for_restart(0).last_reason
    finally:
        watched.stop()
    assert (tmp_path / "died").exists()


def test_callers_who_fill_a_server_before_its_first_swap_do_not_end_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request may be in flight, and eight callers want it to be theirs; twice, because a start can be lucky."""
    monkeypatch.setenv("FACESWAP_MAX_IN_FLIGHT", "1")
    port = free_port()
    with (
        Callers([f"http://127.0.0.1:{port}"] * 8) as callers,
        Served(tmp_path, f"--repository={repository}", f"--http-port={port}") as served,
    ):
        served.wait_until("healthy")
        callers.wait_for_answers(1)
        served.triton().kill()
        served.wait_until("restarting")
        state = served.wait_until("healthy")
        callers.wait_for_answers(callers.kinds()["answered"] + 1)
        assert state["restarts"] >= 1
        callers.stop()
        os.kill(served.process.pid, signal.SIGTERM)
        code, stderr = served.end()
    assert code == ExitCode.STOPPED, stderr
    assert not callers.unexpected


def test_a_server_that_serves_nobody_is_not_proved(tmp_path: Path) -> None:
    stub = lay_out_stub_repository(tmp_path / "stub", seconds=60)
    with TritonServer(ServerSettings(stub, log=tmp_path / "server.log")) as server:
        with pytest.raises(NotReady, match="DEADLINE_EXCEEDED") as caught:
            prove_swap(server.http_url, 1.0)
        server.kill()
    assert caught.value.busy
