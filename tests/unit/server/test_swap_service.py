"""Jobs against a fake server: what a worker keeps of its callers (nothing), and how much it asks for at once."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import parse_input
from faceswap_server.jobs.settings import JobSettings
from faceswap_server.jobs.swap_retrier import Unsupervised
from faceswap_server.jobs.swap_service import SwapService, input_limits
from faceswap_server.runpod.handler import JobHandler
from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.supervision.swap_probe import probe_image
from support.fake_server import Answer, FakeServer, Seen, running_fake_server, usual_answer

FACE = base64.b64encode(probe_image()).decode()
MUCH = 10_000_000


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with running_fake_server() as server:
        yield server


def run_jobs(fake: FakeServer, *jobs: dict[str, Any], **settings: Any) -> list[Any]:
    """The jobs one after the other in one worker's service."""
    limits = JobSettings.model_validate(settings)

    async def run() -> list[Any]:
        async with SwapService(limits, fake.grpc_address, Unsupervised()) as service:
            requests = [parse_input(job, input_limits(limits)) for job in jobs]
            return [await service.run(request, max_bytes=MUCH, job_id="a-job") for request in requests]

    return asyncio.run(run())


def test_no_embedding_of_a_caller_stays_in_the_worker(fake: FakeServer) -> None:
    """The client's own memory would send the second job's source as the embedding that the first one's answer held."""
    job = {"source": FACE, "target": FACE}
    run_jobs(fake, job, job, job)
    assert [seen.model for seen in fake.seen] == ["face_swap"] * 3
    assert [seen.inputs["SOURCE_IMAGE"] for seen in fake.seen] == [[probe_image()]] * 3


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_job_of_many_targets_does_not_fill_the_servers_queue(fake: FakeServer, concurrency: int) -> None:
    lock = threading.Lock()
    in_flight, most = 0, 0

    def slow_answer(seen: Seen) -> Answer:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        time.sleep(0.1)
        with lock:
            in_flight -= 1
        return usual_answer(seen)

    fake.answer = slow_answer
    (output,) = run_jobs(fake, {"source": FACE, "target": [FACE] * 8}, concurrency=concurrency)
    assert len(output["results"]) == len(fake.seen) == 8
    assert all("image" in result for result in output["results"])
    assert most == concurrency


class Watched(Unsupervised):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.reports: list[str] = []

    def report_failure(self, reason: str) -> float:
        self.reports.append(reason)
        return super().report_failure(reason)


def test_a_job_that_ends_in_an_error_of_the_servers_has_the_server_examined_once(fake: FakeServer) -> None:
    def broken(seen: Seen) -> Answer:
        raise fake.failure("INTERNAL: a fault", grpc.StatusCode.INTERNAL, 500)

    fake.answer = broken
    server = Watched()

    async def run() -> dict[str, Any]:
        handler = JobHandler(WorkerSettings(), fake.grpc_address, server)
        try:
            return await handler({"id": "a-job", "input": {"source": FACE, "target": FACE}})
        finally:
            await handler.close()

    assert asyncio.run(run())["error"].startswith("INTERNAL: ")
    assert server.reports == ["a swap ended in INTERNAL"]


class Shelf:
    """A store that refuses some of the images, or fails in a way of its own."""

    def __init__(self, refused: dict[int, Exception]) -> None:
        self._refused = refused
        self.stored: set[str] = set()

    async def upload(self, data: bytes, job_id: str, index: int, image_format: str) -> str:
        await asyncio.sleep(0.01 * index)  # the others are not done yet when one is refused
        if index in self._refused:
            raise self._refused[index]
        link = f"https://shelf.example/{job_id}/{index}.{image_format}"
        self.stored.add(link)
        return link


def upload_job(fake: FakeServer, shelf: Shelf, targets: object) -> dict[str, Any]:
    settings = JobSettings()

    async def run() -> dict[str, Any]:
        async with SwapService(settings, fake.grpc_address, Unsupervised()) as service:
            request = parse_input({"source": FACE, "target": targets}, input_limits(settings))
            return await service.run(request, max_bytes=MUCH, bucket=shelf, job_id="a-job")

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "says"),
    [(JobError("UPLOAD_FAILED", "no"), "UPLOAD_FAILED: no"), (KeyError("x"), "INTERNAL: ")],
    ids=["refused", "defect"],
)
def test_an_upload_that_fails_costs_its_own_target_alone(fake: FakeServer, error: Exception, says: str) -> None:
    shelf = Shelf({0: error})
    results = upload_job(fake, shelf, [FACE] * 3)["results"]
    assert results[0]["error"].startswith(says)
    assert {result["url"] for result in results[1:]} == shelf.stored
    assert len(shelf.stored) == 2


@pytest.mark.parametrize("targets", [FACE, [FACE, FACE]], ids=["one", "list"])
def test_a_job_fails_when_every_upload_does(fake: FakeServer, targets: object) -> None:
    error = JobError("UPLOAD_FAILED", "no")
    with pytest.raises(JobError, match="^UPLOAD_FAILED: no$"):
        upload_job(fake, Shelf({0: error, 1: error}), targets)
