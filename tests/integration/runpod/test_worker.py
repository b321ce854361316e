"""One worker with the real server and the offline pack, driven by the real SDK in production mode."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faceswap_client import BadAnswer, FaceError, OptionError, RequestError, RunPodClient
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_tools.chaos.killing import kill_server, kill_stub
from faceswap_tools.fakes.control_plane import API_KEY, ENDPOINT, RUN_BYTES, ControlPlane, Job
from PIL import Image
from support.runpod_worker import Worker

START_SECONDS = 300


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as plane:
        yield plane


@pytest.fixture(scope="module")
def worker(plane: ControlPlane, offline_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("worker")
    environment = {
        **plane.worker_environment(),
        "FACESWAP_MODEL_REPOSITORY": str(offline_pack),
        "FACESWAP_STATE_FILE": str(folder / "state.json"),
        "FACESWAP_REQUEST_SECONDS": "600",  # however slow this machine is
    }
    worker = Worker(environment, folder / "worker.log")
    worker.wait_for("All fitness checks passed", START_SECONDS)
    yield worker
    worker.kill()


def png(width: int, height: int) -> str:
    """The portrait on a field of noise, which PNG cannot shrink."""
    image = Image.frombytes("RGB", (width, height), os.urandom(width * height * 3))
    image.paste(Image.open(io.BytesIO(probe_image())), (0, 0))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=0)
    return base64.b64encode(out.getvalue()).decode()


def finished(plane: ControlPlane, job_input: Any, **more: Any) -> Job:
    return plane.wait(plane.submit(job_input, **more), 120)


def test_sixty_jobs_all_answered_once(plane: ControlPlane, worker: Worker, swap_input: dict[str, Any]) -> None:
    inputs = [swap_input, {"task": "faces", "image": swap_input["source"]}, {**swap_input, "max_faces": 0}]
    ids = [plane.submit(inputs[i % 20 if i % 20 < 3 else 1]) for i in range(60)]
    plane.wait_all(600)
    jobs = [plane.jobs[job_id] for job_id in ids]
    assert [job.done_posts for job in jobs] == [1] * 60
    assert {job.status for job in jobs} == {"COMPLETED", "FAILED"}
    failed = [job for job in jobs if job.status == "FAILED"]
    assert len(failed) == 3
    assert {job.error for job in failed} == {failed[0].error}
    assert failed[0].error.startswith("INVALID_OPTION: max_faces=0 is not allowed: ")
    swaps = [job.output for job in jobs if job.output and "image" in job.output]
    assert len(swaps) == 3
    assert all(swap["faces"][0]["swapped"] for swap in swaps)


def test_many_targets_and_one_that_shows_nobody(plane: ControlPlane, worker: Worker, face: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 120, 60)).save(out, "PNG")
    nobody = base64.b64encode(out.getvalue()).decode()
    job = finished(plane, {"source": face, "target": [face, nobody, face]})
    assert job.status == "COMPLETED"
    results = job.output["results"]
    assert [("image" in result, result.get("error", "")[:17]) for result in results] == [
        (True, ""), (False, "NO_FACE_IN_TARGET"), (True, ""),
    ]  # fmt: skip
    assert finished(plane, {"source": face, "target": [nobody]}).error.startswith("NO_FACE_IN_TARGET: ")


def test_an_answer_that_is_too_large_says_so_or_is_made_smaller(plane: ControlPlane, worker: Worker, face: str) -> None:
    large = {"source": face, "target": png(1700, 1500)}  # 7.6 MB of PNG, 10.2 MB in base64
    refused = finished(plane, large)
    assert refused.error.startswith("OUTPUT_TOO_LARGE: the answer would have 10")
    assert "allow_reencode" in refused.error
    assert not refused.refused, "the platform never saw it"
    smaller = finished(plane, {**large, "allow_reencode": True})
    assert smaller.output["reencoded"] == {"format": "jpeg", "quality": 90}
    assert base64.b64decode(smaller.output["image"]).startswith(b"\xff\xd8\xff")
    assert len(smaller.output["image"]) < RUN_BYTES
    assert finished(plane, large, sync=True).status == "COMPLETED", "/runsync takes twice as much"


def test_a_cancelled_job_is_given_up_and_its_slot_is_free(plane: ControlPlane, worker: Worker, face: str) -> None:
    long = {"source": face, "target": [png(900, 900)] * 12, "output_format": "jpeg"}
    job = plane.submit(long, sync=True)
    plane.wait(job, 120, taken=True)
    plane.cancel(job)
    worker.wait_for(f"job {job} cancelled", 120)  # while it runs, or while its 39 MB still arrive
    assert plane.jobs[job].done_posts == 0
    assert finished(plane, {"task": "faces", "image": face}).status == "COMPLETED"


def test_the_client_over_runpod_gives_what_the_client_gives(plane: ControlPlane, worker: Worker, group: Path) -> None:
    with RunPodClient(ENDPOINT, API_KEY, base_url=plane.base_url, timeout=120) as client:
        assert client.ready()
        result = client.swap(probe_image(), group, target_faces=[0, 2])
        assert [face.index for face in result.faces if face.swapped] == [0, 2]
        assert result.to_array().shape == (886, 1280, 3)
        assert result.sources[0].width == 256
        analysis = client.faces(group)
        assert len(analysis.faces) == 6
        assert analysis.faces[0].embedding.shape == (512,)
        with pytest.raises(OptionError, match="INVALID_OPTION"):
            client.swap(probe_image(), group, max_faces=65)
        with pytest.raises(FaceError, match="FACE_INDEX_OUT_OF_RANGE"):
            client.swap(probe_image(), group, target_faces=[40])
    with RunPodClient(ENDPOINT, "wrong", base_url=plane.base_url) as client, pytest.raises(RequestError) as caught:
        client.faces(group)
    assert caught.value.code == "UNAUTHORIZED"
    assert not isinstance(caught.value, BadAnswer)


@pytest.mark.parametrize(
    ("victim", "reason"),
    [
        ("align_faces", "the process of align_faces_0_0 died"),
        ("det_10g", "the process of det_10g_0_0 died"),
        ("", "tritonserver was ended by signal 9 (SIGKILL)"),
    ],
    ids=["a Python step", "a network", "tritonserver"],
)
def test_a_part_of_the_server_killed_under_load(
    victim: str, reason: str, plane: ControlPlane, worker: Worker, swap_input: dict[str, Any]
) -> None:
    """Every job is answered well, those that the server died during included, by the same worker."""
    server, before = worker.server(), worker.state()
    assert before["phase"] == "healthy"
    ids = [plane.submit(swap_input) for _ in range(60)]
    plane.wait(ids[4], 120)
    if victim:
        kill_stub(server, victim)
    else:
        kill_server(server)
    plane.wait_all(600)
    jobs = [plane.jobs[job_id] for job_id in ids]
    assert {(job.status, job.error) for job in jobs} == {("COMPLETED", None)}
    assert all(job.done_posts == 1 for job in jobs)
    assert all(job.output["faces"][0]["swapped"] for job in jobs)
    after = worker.state()
    assert after["phase"] == "healthy"
    first, *more = [line for line in worker.text().splitlines() if " restarting: " in line][before["restarts"] :]
    assert first.endswith(f" restarting: {reason}")
    assert all(" restarting: tritonserver did not start: " in line for line in more), "24.10 can abort in a busy start"
    assert len(more) <= 1, more
    assert worker.process.poll() is None
    assert worker.server() != server
    log = worker.text()
    assert "the server died during a swap" in log
    assert "Traceback" not in log
    assert swap_input["source"][:60] not in log
