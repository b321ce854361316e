"""A worker in a process of its own, the control plane it works for, and the skip where the SDK is not installed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.runpod_worker import StartWorker, Worker, has_sdk

NEEDS_SDK = (
    "test_job_loop.py",
    "test_worker.py",
    "test_worker_start.py",
    "test_plain_api.py",
    "test_bucket.py",
    "test_recovery.py",
    "test_local_api.py",
    "test_inswapper_jobs.py",
)
collect_ignore = [] if has_sdk() else list(NEEDS_SDK)  # test_sdk.py says so


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    started: list[Worker] = []

    def start(environment: dict[str, str], *arguments: str) -> Worker:
        worker = Worker(environment, tmp_path / f"worker{len(started)}.log", *arguments)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()


@pytest.fixture(scope="session")
def offline_pack(offline_repository: Path) -> Path:
    """A model repository with the offline pack, ready to serve."""
    return offline_repository


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A repository whose swap takes 20 ms, four at once."""
    return lay_out_stub_repository(tmp_path / "stub", seconds=0.02, instances=4)


@pytest.fixture(scope="session")
def face() -> str:
    """A small portrait in base64."""
    return base64.b64encode(probe_image()).decode()


@pytest.fixture
def swap_input(face: str) -> dict[str, Any]:
    return {"source": face, "target": face}
