"""The worker's server dies: it is restarted in place, and the interrupted jobs are answered."""

from __future__ import annotations

import base64
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from faceswap_server.exit_codes import ExitCode
from faceswap_tools.fakes.control_plane import ControlPlane
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.runpod_worker import StartWorker, Worker
from support.swaps_begun import SwapsBegun

DEADLY = b"this image is deadly"


def environment(plane: ControlPlane, repository: Path, **more: str) -> dict[str, str]:
    return {
        **plane.worker_environment(),
        "FACESWAP_MODEL_REPOSITORY": str(repository),
        "FACESWAP_STATE_FILE": str(repository.parent / "state.json"),
        "FACESWAP_WARM_UP": "0",
        **more,
    }


def wait_until(worker: Worker, phase: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (state := worker.state()).get("phase") != phase:
        assert time.monotonic() < deadline, state
        time.sleep(0.01)
    return state


def killed_under_a_job(plane: ControlPlane, worker: Worker, swap_input: dict[str, Any], begun: SwapsBegun) -> str:
    """The job whose swap had begun when tritonserver was killed."""
    before = begun.count
    job = plane.submit(swap_input)
    begun.wait_for(before + 1)
    os.kill(worker.server(), signal.SIGKILL)
    return job


def load_slowly(repository: Path, seconds: float) -> None:
    """From the next start on."""
    model = repository / "face_swap" / "1" / "model.py"
    model.write_text(f"import time\ntime.sleep({seconds})\n{model.read_text()}")


def break_models(repository: Path) -> None:
    """From the next start on."""
    (repository / "face_swap" / "1" / "model.py").write_text("import a_module_that_does_not_exist\n")


def test_an_image_that_kills_the_server_each_time_is_given_up_and_the_others_are_served(
    start_worker: StartWorker, tmp_path: Path, swap_input: dict[str, Any]
) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=0.05, instances=4, deadly=DEADLY)
    deadly = {**swap_input, "target": base64.b64encode(DEADLY).decode()}
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, repository))
        plane.wait(plane.submit(swap_input), 90)
        before = [plane.submit(swap_input) for _ in range(12)]
        killer = plane.submit(deadly)
        behind = [plane.submit(swap_input) for _ in range(12)]
        assert plane.wait(killer, 120).error == "INTERNAL: the server died during this swap 3 times; it is not retried"
        plane.wait_all(60)
        assert {plane.jobs[each].status for each in before + behind} == {"COMPLETED"}
        assert plane.wait(plane.submit(swap_input), 90).status == "COMPLETED", "the next job works"
        state = wait_until(worker, "healthy")
        assert (state["restarts"], state["last_reason"]) == (3, "tritonserver was ended by signal 9 (SIGKILL)")
        assert worker.stop() == ExitCode.STOPPED


def test_a_job_that_comes_during_a_restart_waits_for_it(
    start_worker: StartWorker, stub: Path, swap_input: dict[str, Any]
) -> None:
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, stub))
        plane.wait(plane.submit(swap_input), 90)
        os.kill(worker.server(), signal.SIGKILL)
        wait_until(worker, "restarting")
        assert plane.wait(plane.submit(swap_input), 90).status == "COMPLETED"
        assert wait_until(worker, "healthy")["restarts"] == 1


def test_a_job_waits_no_longer_than_its_deadline(
    start_worker: StartWorker, tmp_path: Path, swap_input: dict[str, Any]
) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=1.5)
    begun = SwapsBegun(repository)
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, repository, FACESWAP_REQUEST_SECONDS="3"))
        plane.wait(plane.submit(swap_input), 90)
        load_slowly(repository, 120)
        job = killed_under_a_job(plane, worker, swap_input, begun)
        killed = time.monotonic()
        assert plane.wait(job, 120).error == "DEADLINE_EXCEEDED: the server was not back within 3 s"
        assert time.monotonic() - killed < 20, "the server takes two minutes"
        assert worker.process.poll() is None


def test_a_server_that_cannot_be_brought_back_ends_the_container_with_three(
    start_worker: StartWorker, tmp_path: Path, swap_input: dict[str, Any]
) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=1.5)
    begun = SwapsBegun(repository)
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, repository, FACESWAP_RESTARTS="1"))
        plane.wait(plane.submit(swap_input), 90)
        break_models(repository)
        job = killed_under_a_job(plane, worker, swap_input, begun)
        assert (
            plane.wait(job, 120).error == "SERVER_UNAVAILABLE: the server behind the worker could not be brought back"
        )
        assert worker.process.wait(60) == int(ExitCode.SERVER_FAILED) == 3
        (line,) = [line for line in worker.text().splitlines() if "exit code 3, Triton did not become ready" in line]
        assert "2 starts in a row did not make it ready; the last failure: " in line
        assert "a_module_that_does_not_exist" in line
        assert (worker.state()["phase"], worker.state()["restarts"]) == ("failed", 2)
        assert "Traceback (most recent call last)" not in worker.text()


def test_sigterm_during_a_restart(start_worker: StartWorker, stub: Path, swap_input: dict[str, Any]) -> None:
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, stub))
        plane.wait(plane.submit(swap_input), 90)
        load_slowly(stub, 120)
        os.kill(worker.server(), signal.SIGKILL)
        wait_until(worker, "restarting")
        worker.wait_for("starting the server again")
        told = time.monotonic()
        assert worker.stop() == ExitCode.STOPPED
        assert time.monotonic() - told < 20, "the server takes two minutes"
        assert "stopped: stopped during a restart" in worker.text()
        assert worker.state()["phase"] == "stopped"


@pytest.mark.parametrize(("drain", "code", "status"), [("40", 0, "COMPLETED"), ("0.5", 11, "IN_PROGRESS")])
def test_sigterm_during_a_restart_with_a_job_in_flight(
    drain: str, code: int, status: str, start_worker: StartWorker, tmp_path: Path, swap_input: dict[str, Any]
) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=1.5)
    begun = SwapsBegun(repository)
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, repository, FACESWAP_DRAIN_SECONDS=drain))
        plane.wait(plane.submit(swap_input), 90)
        load_slowly(repository, 2)
        job = killed_under_a_job(plane, worker, swap_input, begun)
        wait_until(worker, "restarting")
        assert worker.stop() == code
        assert plane.jobs[job].status == status
        late = "1 jobs did not finish within 0.5 s" in worker.text()
        assert late == (code == ExitCode.DRAIN_TIMED_OUT)


def test_a_server_given_up_while_the_worker_stops_is_no_orderly_stop(
    start_worker: StartWorker, tmp_path: Path, swap_input: dict[str, Any]
) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=1.5)
    begun = SwapsBegun(repository)
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, repository, FACESWAP_RESTARTS="1"))
        plane.wait(plane.submit(swap_input), 90)
        break_models(repository)
        job = killed_under_a_job(plane, worker, swap_input, begun)
        wait_until(worker, "restarting")
        assert worker.stop() == ExitCode.SERVER_FAILED
        assert plane.jobs[job].error.startswith("SERVER_UNAVAILABLE: ")
