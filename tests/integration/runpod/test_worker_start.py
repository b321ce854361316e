"""How a worker starts, and every way it can end before or after."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from faceswap_server.exit_codes import ExitCode
from faceswap_server.runpod.readiness import check_networks_on_gpu
from faceswap_server.runpod.settings import RequireGpu
from faceswap_server.supervision.swap_probe import NotReady
from faceswap_server.triton.ports import free_port
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.runpod_worker import StartWorker


def test_the_local_api_server_of_the_sdk(start_worker: StartWorker, stub: Path, swap_input: dict[str, Any]) -> None:
    port = free_port()
    arguments = ("--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port))
    worker = start_worker({"FACESWAP_MODEL_REPOSITORY": str(stub), "FACESWAP_RESTARTS": "0"}, *arguments)
    worker.wait_for("Uvicorn running")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        answer = http.post("/runsync", json={"input": swap_input}).json()
        assert answer["status"] == "COMPLETED"
        assert answer["output"]["image"] == swap_input["target"], "the stub gives the target back"
        refused = http.post("/runsync", json={"input": {"source": 1}}).json()
        assert refused["status"] == "FAILED"
        assert refused["error"].startswith("BAD_INPUT: ")
    # its server dies and cannot be started again: the caller of the local API is told too
    (stub / "face_swap" / "1" / "model.py").write_text("import a_module_that_does_not_exist\n")
    os.kill(worker.server(), signal.SIGKILL)
    assert worker.process.wait(60) == ExitCode.SERVER_FAILED


def test_one_job_on_the_command_line(start_worker: StartWorker, stub: Path, swap_input: dict[str, Any]) -> None:
    repository = {"FACESWAP_MODEL_REPOSITORY": str(stub)}
    assert start_worker(repository, "--test_input", json.dumps({"input": swap_input})).process.wait(90) == 0


@pytest.mark.parametrize(
    ("environment", "arguments", "says"),
    [
        ({"FACESWAP_CONCURRENCY": "64"}, (), "FACESWAP_CONCURRENCY='64' is not allowed"),
        ({"MODE": "both"}, (), "MODE='both' is not allowed"),
        ({"FACESWAP_DRAIN_SECONDS": "soon"}, (), "FACESWAP_DRAIN_SECONDS='soon' is not allowed"),
        ({"FACESWAP_TRITON_ARGUMENTS": "'"}, (), "is not allowed: No closing quotation"),
        ({"FACESWAP_TRITON_ARGUMENTS": "'", "MODE": "serve"}, (), "is not allowed: No closing quotation"),
        ({}, ("--rp_log_level", "DEBUG"), "keep images out of the log"),
        ({}, ("--rp_log=TRACE",), "keep images out of the log"),
    ],
)
def test_bad_settings(
    environment: dict[str, str], arguments: tuple[str, ...], says: str, start_worker: StartWorker
) -> None:
    worker = start_worker(environment, *arguments)
    assert worker.process.wait(60) == ExitCode.BAD_SETTINGS
    assert says in worker.text()
    assert "Traceback" not in worker.text()


def test_a_server_that_never_becomes_ready_is_a_three_with_its_reason(start_worker: StartWorker, stub: Path) -> None:
    (stub / "face_swap" / "1" / "model.py").write_text("import a_module_that_does_not_exist\n")
    worker = start_worker({"FACESWAP_MODEL_REPOSITORY": str(stub)})
    assert worker.process.wait(60) == int(ExitCode.SERVER_FAILED) == 3
    assert "a_module_that_does_not_exist" in worker.text()
    assert f"what to do: {ExitCode.SERVER_FAILED.remedy}" in worker.text()


def test_a_server_that_is_ready_but_cannot_swap_is_a_four(start_worker: StartWorker, tmp_path: Path) -> None:
    idle = lay_out_stub_repository(tmp_path / "idle", seconds=0, swapped=False)
    worker = start_worker({"FACESWAP_MODEL_REPOSITORY": str(idle)})
    assert worker.process.wait(60) == ExitCode.SWAP_FAILED
    assert "no face was swapped in the built-in image" in worker.text()


@pytest.mark.parametrize(
    ("required", "native", "has_gpu", "kind", "refused"),
    [
        (RequireGpu.YES, False, False, "KIND_CPU", True),
        (RequireGpu.AUTO, True, True, "KIND_CPU", True),
        (RequireGpu.AUTO, True, True, "KIND_GPU", False),
        (RequireGpu.AUTO, True, False, "KIND_CPU", False),
        (RequireGpu.AUTO, False, True, "KIND_CPU", False),
        (RequireGpu.NO, True, True, "KIND_CPU", False),
    ],
)
def test_networks_that_silently_run_on_the_cpu_of_a_gpu_machine_are_a_seven(
    required: RequireGpu, native: bool, has_gpu: bool, kind: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def config(url: str, **_: Any) -> httpx.Response:
        group = {"name": "x", "kind": kind if url.endswith("/inswapper_128/config") else "KIND_GPU"}
        return httpx.Response(200, json={"instance_group": [group]}, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", config)
    refusing = pytest.raises(NotReady, match=r"inswapper_128 has no instance on a GPU \(KIND_CPU\)")
    with refusing if refused else contextlib.nullcontext() as caught:
        check_networks_on_gpu("http://server", required, native=native, has_gpu=lambda: has_gpu)
    if refused:
        assert caught is not None
        assert caught.value.code is ExitCode.NO_GPU


def test_sigterm_while_the_server_loads(start_worker: StartWorker, tmp_path: Path) -> None:
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=0)
    model = slow / "face_swap" / "1" / "model.py"
    model.write_text("import time\ntime.sleep(30)\n" + model.read_text())
    worker = start_worker({"FACESWAP_MODEL_REPOSITORY": str(slow), "FACESWAP_DRAIN_SECONDS": "1"})
    worker.server()
    assert worker.stop() == ExitCode.STOPPED


def test_a_server_whose_step_died_is_found_out_and_replaced(
    start_worker: StartWorker, stub: Path, swap_input: dict[str, Any]
) -> None:
    """Triton 24.10 keeps saying ready when a Python step's process is gone; only a swap can tell."""
    port = free_port()
    arguments = ("--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port))
    worker = start_worker({"FACESWAP_MODEL_REPOSITORY": str(stub)}, *arguments)
    worker.wait_for("Uvicorn running")
    for step in psutil.Process(worker.server()).children():
        step.kill()
    with httpx.Client(trust_env=False, timeout=60) as http:
        answer = http.post(f"http://127.0.0.1:{port}/runsync", json={"input": swap_input}).json()
    assert answer["status"] == "COMPLETED"
    assert "restarting: the process of face_swap_0_0" in worker.text()
    assert worker.stop() == ExitCode.STOPPED
