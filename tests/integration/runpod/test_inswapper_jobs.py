"""`FACESWAP_JOBS=inswapper`: jobs of runpod-worker-inswapper, with the real server, queue and load balancing."""

from __future__ import annotations

import base64
import contextlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from faceswap_client import RunPodClient
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton.ports import free_port
from faceswap_tools.fakes.control_plane import API_KEY, ENDPOINT, ControlPlane, Job
from PIL import Image
from support.runpod_worker import Worker

START_SECONDS = 300


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as plane:
        yield plane


@pytest.fixture(scope="module")
def worker(plane: ControlPlane, offline_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    environment = {
        **plane.worker_environment(),
        "FACESWAP_JOBS": "inswapper",
        "FACESWAP_MODEL_REPOSITORY": str(offline_pack),
        "FACESWAP_REQUEST_SECONDS": "600",  # however slow this machine is
    }
    worker = Worker(environment, tmp_path_factory.mktemp("worker") / "worker.log")
    worker.wait_for("All fitness checks passed", START_SECONDS)
    yield worker
    worker.kill()


@pytest.fixture(scope="module")
def old_job(face: str, group: Path) -> dict[str, Any]:
    """One person into an image of six."""
    target = base64.b64encode(group.read_bytes()).decode()
    return {"source_image": face, "target_image": target, "face_restore": False, "output_format": "PNG"}


def finished(plane: ControlPlane, job_input: Any) -> Job:
    return plane.wait(plane.submit(job_input, sync=True), 120)


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.int16)


def test_an_old_job_is_the_swap_that_ours_is(
    plane: ControlPlane, worker: Worker, old_job: dict[str, Any], group: Path
) -> None:
    job = finished(plane, old_job)
    assert job.status == "COMPLETED", job.error
    assert job.output.keys() == {"status", "image"}
    old = base64.b64decode(job.output["image"])
    assert old.startswith(b"\x89PNG")
    with RunPodClient(ENDPOINT, API_KEY, base_url=plane.base_url, timeout=120) as client:
        ours = client.swap(probe_image(), group, target_faces=[0], output_format="png")
    assert np.array_equal(pixels(old), pixels(ours.image)), "the leftmost face alone is swapped"
    changed = np.argwhere(np.abs(pixels(old) - pixels(group.read_bytes())).max(axis=2) > 8)
    box = ours.faces[0].box
    assert changed[:, 1].min() > box.x0 - 60
    assert changed[:, 1].max() < box.x1 + 60


def test_faces_of_one_source_image_go_to_named_targets(
    plane: ControlPlane, worker: Worker, old_job: dict[str, Any], group: Path
) -> None:
    crossed = {**old_job, "source_image": old_job["target_image"], "source_indexes": "1,0", "target_indexes": "0,1"}
    job = finished(plane, crossed)
    assert job.status == "COMPLETED", job.error
    with RunPodClient(ENDPOINT, API_KEY, base_url=plane.base_url, timeout=120) as client:
        first = client.swap(group, group, source_face=1, target_faces=[0], output_format="png")
        both = client.swap(group, first.image, source_face=0, target_faces=[1], output_format="png")
    difference = np.abs(pixels(base64.b64decode(job.output["image"])) - pixels(both.image))
    assert difference.max() <= 1 or (difference > 8).mean() < 1e-4


def test_a_field_without_equivalent_fails_the_job_by_name(
    plane: ControlPlane, worker: Worker, old_job: dict[str, Any]
) -> None:
    job = finished(plane, {**old_job, "face_restore": True, "upscale": 2})
    assert job.status == "FAILED"
    assert job.error.startswith("INVALID_OPTION: face_restore=true is not available: ")
    far = finished(plane, {**old_job, "target_indexes": "6"})
    assert far.error.startswith("FACE_INDEX_OUT_OF_RANGE: target_indexes=6: target_image has 6 face(s)")
    text = finished(plane, {**old_job, "target_image": base64.b64encode(b"no image").decode()})
    assert text.error.startswith("NOT_AN_IMAGE: target_image: ")


def test_what_had_no_effect_is_in_the_answer(plane: ControlPlane, worker: Worker, old_job: dict[str, Any]) -> None:
    job = finished(plane, {**old_job, "upscale": 2})
    assert job.output["notes"] == ["upscale: no effect without face_restore"]


def test_load_balancing_takes_old_jobs_too(offline_pack: Path, old_job: dict[str, Any], tmp_path: Path) -> None:
    port = free_port()
    environment = {
        "MODE": "lb", "PORT": str(port), "FACESWAP_HOST": "127.0.0.1", "FACESWAP_JOBS": "inswapper",
        "FACESWAP_MODEL_REPOSITORY": str(offline_pack),
    }  # fmt: skip
    worker = Worker(environment, tmp_path / "lb.log")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as http:
            wait_until_ready(http, worker)
            answer = http.post("/swap", json=old_job, headers={"accept": "image/*"})
            assert answer.status_code == 200, answer.text
            assert answer.json().keys() == {"status", "image"}, "its form is JSON"
            refused = http.post("/swap", json={**old_job, "face_restore": True})
            assert refused.status_code == 400
            assert refused.json()["error"].startswith("INVALID_OPTION: face_restore=true is not available: ")
            files = {"source_image": ("me.jpg", probe_image()), "target_image": ("you.jpg", probe_image())}
            form = http.post("/swap", files=files, data={"output_format": "JPEG"})
            assert form.status_code == 200, form.text
            assert base64.b64decode(form.json()["image"]).startswith(b"\xff\xd8\xff")
            assert form.json()["notes"][0].startswith("face_restore: left out")
    finally:
        worker.kill()


def wait_until_ready(http: httpx.Client, worker: Worker) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            if http.get("/ping").status_code == 200:
                return
        assert worker.process.poll() is None and time.monotonic() < deadline, worker.text()[-3000:]
        time.sleep(0.1)
