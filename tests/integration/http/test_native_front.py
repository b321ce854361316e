"""The HTTP front before a native Triton, end to end: `faceswap serve --triton PATH --listen`, and MODE=serve."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from faceswap_client import Client, RequestError
from faceswap_contract.exit_codes import ExitCode
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton.stub_processes import process_has_ended
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from integration.http.conftest import TOKEN
from support.runpod_worker import StartWorker, Worker
from support.served import PATIENCE_S, Served


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    return lay_out_stub_repository(tmp_path / "stub", seconds=0.01)


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    started: list[Worker] = []

    def start(environment: dict[str, str]) -> Worker:
        started.append(Worker(environment, tmp_path / f"worker{len(started)}.log"))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()


def answer(url: str, path: str, token: str | None = None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{url}{path}", headers=headers, trust_env=False, timeout=PATIENCE_S)


def check_front(url: str, triton: str) -> None:
    """Token, swap, metrics, and no way to Triton's control calls; Triton itself refuses them too."""
    assert answer(url, "/metrics").status_code == httpx.codes.UNAUTHORIZED
    assert 'nv_inference_request_success{model="face_swap"' in answer(url, "/metrics", TOKEN).text
    assert answer(url, "/v2/repository/index", TOKEN).status_code == httpx.codes.NOT_FOUND
    assert answer(triton, "/v2/logging").status_code == httpx.codes.FORBIDDEN
    with Client(url, token=TOKEN, remember_sources=0) as client:
        assert [face.swapped for face in client.swap(probe_image(), probe_image()).faces] == [True]
    with (
        Client(url, token=TOKEN + "x", remember_sources=0) as stranger,
        pytest.raises(RequestError, match="UNAUTHORIZED"),
    ):
        stranger.swap(probe_image(), probe_image())


def test_serve_with_a_native_triton_a_token_and_metrics(native_home: Path, stub: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    address = f"127.0.0.1:{free_address()}"
    arguments = (f"--listen={address}", f"--token-file={tmp_path / 'token'}")
    with Served(tmp_path, f"--triton={native_home}", f"--repository={stub}", *arguments) as served:
        state = served.wait_until("healthy")
        assert Path(served.triton().exe()) == native_home / "bin" / "tritonserver"
        check_front(f"http://{address}", state["http"])
        served.triton().kill()
        served.wait_until("restarting")
        assert answer(f"http://{address}", "/v2/health/ready").status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert served.wait_until("healthy")["restarts"] == 1
        check_front(f"http://{address}", state["http"])
        served.process.send_signal(signal.SIGTERM)
        code, stderr = served.end()
        assert code == ExitCode.STOPPED, stderr
        assert "every accepted request was answered" in stderr
        assert all(process_has_ended(process) for process in served.family)


@pytest.mark.parametrize(
    ("path", "says"), [("none", "is not there; give the path"), ("token", "may not be executed by this user")]
)
def test_a_triton_that_is_none_is_one_clear_line(path: str, says: str, stub: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    with Served(tmp_path, f"--triton={tmp_path / path}", f"--repository={stub}") as served:
        code, stderr = served.end()
    assert code == ExitCode.CANNOT_START
    last = stderr.strip().splitlines()[-1]
    assert f"{tmp_path / path}" in last
    assert says in last


def container(native_home: Path, stub: Path, folder: Path, **changed: str) -> dict[str, str]:
    """The GPU image's environment, with this machine's paths."""
    return {
        "MODE": "serve",
        "PORT": str(free_address()),
        "FACESWAP_TRITON": "native",
        "FACESWAP_TRITONSERVER": str(native_home),
        "FACESWAP_MODEL_REPOSITORY": str(stub),
        "FACESWAP_STATE_FILE": str(folder / "state.json"),
        "TMPDIR": str(folder),
        **changed,
    }


@pytest.mark.parametrize("from_file", [False, True])
def test_the_container_serves_without_runpod(
    from_file: bool, native_home: Path, stub: Path, tmp_path: Path, start_worker: StartWorker
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    secret = {"FACESWAP_TOKEN_FILE": str(tmp_path / "token")} if from_file else {"FACESWAP_TOKEN": TOKEN}
    environment = container(native_home, stub, tmp_path, **secret)
    worker = start_worker(environment)
    worker.wait_for("serving on http://0.0.0.0:")
    assert Path(psutil.Process(worker.server()).exe()) == native_home / "bin" / "tritonserver"
    check_front(f"http://127.0.0.1:{environment['PORT']}", worker.state()["http"])
    health = [sys.executable, "-m", "faceswap_server.runpod.health"]
    checked = subprocess.run(health, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "a swap works\n"), "the image's HEALTHCHECK"
    family = psutil.Process(worker.process.pid).children(recursive=True)
    assert worker.stop() == ExitCode.STOPPED
    assert all(process_has_ended(process) for process in family)
    text = worker.text()
    assert "warm-up: 1 swaps" in text, "as in the other modes"
    assert "successfully loaded 'face_swap'" in text, "Triton's log is the container's"
    assert TOKEN not in text


def test_without_a_token_the_container_is_not_open_to_others(
    native_home: Path, stub: Path, tmp_path: Path, start_worker: StartWorker
) -> None:
    worker = start_worker(container(native_home, stub, tmp_path))
    assert worker.process.wait(PATIENCE_S) == ExitCode.CANNOT_START
    assert "can be reached from other machines, so callers need a token" in worker.text()
    assert "Traceback" not in worker.text()
    worker = start_worker(container(native_home, stub, tmp_path, FACESWAP_HOST="127.0.0.1"))
    worker.wait_for("serving on http://127.0.0.1:")
    assert worker.stop() == ExitCode.STOPPED


def test_a_host_must_be_an_address(native_home: Path, stub: Path, tmp_path: Path, start_worker: StartWorker) -> None:
    worker = start_worker(container(native_home, stub, tmp_path, FACESWAP_HOST="example.org"))
    assert worker.process.wait(PATIENCE_S) == ExitCode.BAD_SETTINGS
    assert "FACESWAP_HOST='example.org' is not allowed: it must be an IP address" in worker.text()


def free_address() -> int:
    """A port that is free on every address."""
    with socket.socket() as free:
        free.bind(("0.0.0.0", 0))  # noqa: S104 (bound for a moment, nothing listens)
        return int(free.getsockname()[1])
