"""The real SDK in production mode against the control plane, with a server that only waits: who gets lost, and when."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
from faceswap_server.exit_codes import ExitCode
from faceswap_server.supervision import Phase
from faceswap_server.supervision.state import read_state
from faceswap_tools.fakes.control_plane import API_KEY, ControlPlane
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.runpod_worker import StartWorker


def environment(plane: ControlPlane, repository: Path, **more: str) -> dict[str, str]:
    return {**plane.worker_environment(), "FACESWAP_MODEL_REPOSITORY": str(repository), **more}


def test_sigterm_answers_every_job_that_was_taken(
    start_worker: StartWorker, tmp_path: Path, swap_input: dict[str, Any]
) -> None:
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=1.0, instances=2)
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, slow, FACESWAP_CONCURRENCY="4"))
        ids = [plane.submit(swap_input) for _ in range(24)]
        for job_id in ids[:4]:
            plane.wait(job_id, 90, taken=True)
        assert worker.stop() == ExitCode.STOPPED
        taken = [job for job in plane.jobs.values() if job.taken is not None]
        assert len(taken) >= 4
        assert {job.status for job in taken} == {"COMPLETED"}
        assert all(job.done_posts == 1 for job in taken)
        assert any(job.status == "IN_QUEUE" for job in plane.jobs.values()), "the rest waits for another worker"


def test_a_job_that_comes_after_sigterm_is_left_in_the_queue_and_the_worker_goes_at_once(
    start_worker: StartWorker, stub: Path, tmp_path: Path, swap_input: dict[str, Any]
) -> None:
    with ControlPlane() as plane:
        state = tmp_path / "state.json"
        worker = start_worker(environment(plane, stub, FACESWAP_STATE_FILE=str(state)))
        plane.wait(plane.submit(swap_input), 90)  # idle from now on, its request for jobs open
        started = time.monotonic()
        worker.process.terminate()
        while (now := read_state(state)) is None or now.phase not in (Phase.STOPPING, Phase.STOPPED):
            assert time.monotonic() - started < 20
            time.sleep(0.01)
        late = plane.submit(swap_input)
        assert worker.process.wait(30) == ExitCode.STOPPED
        assert time.monotonic() - started < 20, "the open requests for jobs and for stops (90 s) are not waited for"
        assert plane.jobs[late].status == "IN_QUEUE"


def test_jobs_that_do_not_finish_in_time_are_said_to_be_lost(
    start_worker: StartWorker, tmp_path: Path, swap_input: dict[str, Any]
) -> None:
    stuck = lay_out_stub_repository(tmp_path / "stuck", seconds=4)
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, stuck, FACESWAP_WARM_UP="0", FACESWAP_DRAIN_SECONDS="0.2"))
        job = plane.submit(swap_input)
        plane.wait(job, 90, taken=True)
        assert worker.stop() == ExitCode.DRAIN_TIMED_OUT
        assert "1 jobs did not finish within 0.2 s" in worker.text()


def test_the_heartbeat_names_the_jobs_and_ends_with_the_worker(
    start_worker: StartWorker, tmp_path: Path, swap_input: dict[str, Any]
) -> None:
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=3)
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, slow, FACESWAP_WARM_UP="0"))
        job = plane.submit(swap_input)
        plane.wait(job, 90)
        family = psutil.Process(worker.process.pid).children(recursive=True)
        assert any(ping.get("job_id") == job for ping in plane.pings)
        worker.stop()
        assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_what_no_json_can_hold_and_no_handler_expects_still_gets_an_answer(
    start_worker: StartWorker, stub: Path, swap_input: dict[str, Any]
) -> None:
    malformed: list[Any] = [
        {}, [], "text", 7, None, {"source": 1, "target": 2}, {**swap_input, "nope": 1}, {**swap_input, "target": "!"},
        {**swap_input, "target": []}, {"task": "faces"}, {**swap_input, "source": "http://127.0.0.1/"},
        {**swap_input, "source": "https://127.0.0.1/"}, {**swap_input, "max_faces": {"a": 1}},
    ]  # fmt: skip
    with ControlPlane() as plane:
        worker = start_worker(environment(plane, stub))
        ids = [plane.submit(value) for value in malformed]
        s3 = plane.submit(swap_input, s3Config={"bucketName": "b"})
        fine = plane.submit(swap_input)
        plane.wait(fine, 90)
        plane.wait_all(60)
        for job_id in (*ids, s3):
            job = plane.jobs[job_id]
            assert job.status == "FAILED", job
            assert isinstance(job.error, str)
            code, _, text = job.error.partition(": ")
            assert code.isupper()
            assert text
            assert "Traceback" not in job.error
        assert plane.jobs[s3].error.startswith("BAD_S3_CONFIG")
        assert plane.jobs[fine].status == "COMPLETED"
        log = worker.text()
        worker.stop()
    assert "Traceback" not in log
    assert swap_input["source"][:60] not in log
    assert API_KEY not in log


def test_the_sdks_own_loop_still_works(start_worker: StartWorker, stub: Path, swap_input: dict[str, Any]) -> None:
    with ControlPlane() as plane:
        start_worker(environment(plane, stub, FACESWAP_SDK_LOOP="true"))
        assert plane.wait(plane.submit(swap_input), 90).status == "COMPLETED"
