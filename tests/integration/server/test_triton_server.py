"""Starts and ends of a server: what is left behind (nothing), and the reason given when it cannot start."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from faceswap_models.checkout import Checkout
from faceswap_server.exit_codes import ExitCode
from faceswap_server.triton import ServerSettings, ServerStartError, SetupError, TritonLocator, TritonServer
from faceswap_server.triton.arguments import POLL_SECONDS
from faceswap_server.triton.log import reason_in_log
from faceswap_server.triton.served_repository import SMALL, ServedRepository
from faceswap_server.triton.stub_processes import find_stubs, process_has_ended
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.served import Served

IDENTITY_MODEL = "project_identity"


@pytest.fixture
def one_model(tmp_path: Path, offline_repository: Path) -> Path:
    """A repository with the smallest network alone: starts in about a second."""
    repository = tmp_path / "repository"
    shutil.copytree(offline_repository / IDENTITY_MODEL, repository / IDENTITY_MODEL)
    return repository


def edit_config(model: Path, old: str, new: str) -> None:
    path = model / "config.pbtxt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def start_error(repository: Path, tmp_path: Path, triton: TritonLocator | None = None) -> ServerStartError:
    server = TritonServer(ServerSettings(repository, triton=triton, log=tmp_path / "server.log"))
    with pytest.raises(ServerStartError) as caught:
        server.start()
    assert not server.is_running()
    return caught.value


def regions(launcher: int) -> set[str]:
    """Shared-memory regions of servers that the process `launcher` started."""
    return {path.name for path in Path("/dev/shm").glob(f"faceswap_p{launcher}_*")}


def test_nothing_is_left_behind(triton: TritonLocator, one_model: Path, tmp_path: Path) -> None:
    before = regions(os.getpid())
    server = TritonServer(ServerSettings(one_model, triton=triton, log=tmp_path / "server.log"))
    server.start()
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    port = server.http_port
    assert len(family) >= 2, "tritonserver and the stub of its model"
    assert regions(os.getpid()) > before, "a running model has a shared-memory region"
    server.stop()
    assert all(process_has_ended(process) for process in family)
    assert regions(os.getpid()) == before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    server.stop()  # idempotent


def test_a_server_beside_it_changes_nothing(one_model: Path, tmp_path: Path) -> None:
    """Triton loads a network again, and holds it twice meanwhile, when a link to its file is made or deleted."""
    assert (one_model / IDENTITY_MODEL / "1" / "model.onnx").stat().st_size > SMALL
    first_settings = ServerSettings(one_model, log=tmp_path / "first.log", drain_timeout_s=0)
    with TritonServer(first_settings) as first:
        stubs = [stub.pid for stub in find_stubs(first.pid)]
        with TritonServer(replace(first_settings, log=tmp_path / "second.log")):
            time.sleep(POLL_SECONDS + 0.5)
        time.sleep(POLL_SECONDS + 0.5)
        assert [stub.pid for stub in find_stubs(first.pid)] == stubs


def test_a_pack_that_is_installed_meanwhile_is_for_the_next_start(tmp_path: Path) -> None:
    network, view = tmp_path / "repository" / "network" / "1" / "model.onnx", tmp_path / "view"
    network.parent.mkdir(parents=True)
    network.write_bytes(b"old" * SMALL)
    served, seen = ServedRepository(tmp_path / "repository", view), view / "network" / "1" / "model.onnx"
    network.with_suffix(".part").write_bytes(b"new" * SMALL)
    network.with_suffix(".part").replace(network)
    assert seen.read_bytes()[:3] == b"old"
    served.close()
    assert not seen.exists(), "the network is let go of"


def test_a_killed_server_leaves_nothing_behind_either(triton: TritonLocator, one_model: Path, tmp_path: Path) -> None:
    before = regions(os.getpid())
    server = TritonServer(ServerSettings(one_model, triton=triton, log=tmp_path / "server.log"))
    server.start()
    family = psutil.Process(server.pid).children(recursive=True)
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait() == -signal.SIGKILL
    server.stop()
    assert all(process_has_ended(process) for process in family)
    assert regions(os.getpid()) == before


@pytest.mark.parametrize("hung", [False, True])
def test_a_killed_launcher_takes_the_server_with_it(
    triton: TritonLocator, one_model: Path, tmp_path: Path, hung: bool
) -> None:
    program = (
        "import pickle, sys, time\n"
        "from faceswap_server.triton import TritonServer\n"
        "server = TritonServer(pickle.loads(bytes.fromhex(sys.argv[1])))\n"
        "server.start()\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    settings = ServerSettings(one_model, triton=triton, log=tmp_path / "server.log")
    arguments = [sys.executable, "-c", program, pickle.dumps(settings).hex()]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        process = psutil.Process(int(launcher.stdout.readline()))
        family = [process, *process.children(recursive=True)]
        if hung:  # a server that hears nothing
            process.suspend()
        launcher.kill()
    deadline = time.monotonic() + 30
    while not all(process_has_ended(process) for process in family):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("delay_s", [0.05, 0.4])
def test_ctrl_c_while_python_is_still_importing_leaves_nothing(delay_s: float, tmp_path: Path) -> None:
    stub = lay_out_stub_repository(tmp_path / "stub", seconds=0.01)
    with Served(tmp_path, f"--repository={stub}") as served:
        time.sleep(delay_s)
        family = psutil.Process(served.process.pid).children(recursive=True)
        served.process.send_signal(signal.SIGINT)
        served.end()
    assert all(process_has_ended(process) for process in family)
    assert not regions(served.process.pid)


@pytest.mark.parametrize("moment", ["tritonserver is there", "it loads", "it is ready"])
def test_ctrl_c_at_any_later_moment_ends_everything_in_order(moment: str, tmp_path: Path) -> None:
    stub = lay_out_stub_repository(tmp_path / "stub", seconds=0.01)
    with Served(tmp_path, f"--repository={stub}") as served:
        if moment == "it is ready":
            served.wait_until("healthy")
        else:
            served.wait_for_log("" if moment == "tritonserver is there" else "loading: ")
        family = psutil.Process(served.process.pid).children(recursive=True)
        assert family
        served.process.send_signal(signal.SIGINT)
        code, stderr = served.end()
    assert code == ExitCode.STOPPED, stderr
    assert "Traceback" not in stderr
    assert all(process_has_ended(process) for process in family)
    assert not regions(served.process.pid)


def test_a_taken_port_is_named(one_model: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"port {port} on 127.0.0.1 is already in use"):
            TritonServer(ServerSettings(one_model, http_port=port, log=tmp_path / "server.log")).start()


def test_a_missing_network_is_one_clear_line(triton: TritonLocator, one_model: Path, tmp_path: Path) -> None:
    (one_model / IDENTITY_MODEL / "1" / "model.onnx").unlink()
    error = start_error(one_model, tmp_path, triton)
    assert "model.onnx' is missing; prepare a model pack first (make pack)" in str(error)
    assert str(tmp_path / "server.log") in str(error)
    assert "\n" not in str(error)


def test_a_half_written_network_is_one_clear_line(triton: TritonLocator, one_model: Path, tmp_path: Path) -> None:
    network = one_model / IDENTITY_MODEL / "1" / "model.onnx"
    network.write_bytes(network.read_bytes()[:5000])
    error = start_error(one_model, tmp_path, triton)
    assert IDENTITY_MODEL in str(error)
    assert "\n" not in str(error)


REFUSED = [
    ('key: "intra_op_thread_count"', 'key: "intra_op_threads"', "parameter 'intra_op_threads' is unknown"),
    ('string_value: "1"', 'string_value: "many"', "'intra_op_thread_count' must be a whole number, not 'many'"),
    ('name: "latent"', 'name: "latents"', "config ['identity', 'latents']"),
    ("TYPE_INT32 dims: [ -1 ]", "TYPE_INT64 dims: [ -1 ]", "'face_source' is TYPE_INT64 in config"),
    ('"latent" data_type: TYPE_FP32 dims: [ -1, 512 ]', '"latent" data_type: TYPE_FP32 dims: [ -1, 256 ]', "dims"),
    ("instance_group [ { kind: KIND_CPU", 'optimization { execution_accelerators { gpu_execution_accelerator [ { '
         'name: "tensorrt" } ] } }\ninstance_group [ { kind: KIND_CPU', "'optimization.execution_accelerators' is not"),
]  # fmt: skip
"""What is replaced in a config, by what, and what the backend says of it."""


def test_the_backend_refuses_what_it_cannot_honour(tmp_path: Path, offline_repository: Path) -> None:
    """Each config as a model of one repository: one start tells of them all."""
    repository = tmp_path / "repository"
    for number, (old, new, _why) in enumerate(REFUSED):
        model = repository / f"refused_{number}"
        shutil.copytree(offline_repository / IDENTITY_MODEL, model)
        edit_config(model, f'name: "{IDENTITY_MODEL}"', f'name: "{model.name}"')
        edit_config(model, old, new)
    log = start_error(repository, tmp_path).log.read_text()
    lines = [line for line in log.splitlines() if "failed to load 'refused_" in line]
    for number, (_old, _new, why) in enumerate(REFUSED):
        assert any(why in line for line in lines if f"'refused_{number}'" in line), why


def test_a_python_step_that_cannot_import_says_so(one_model: Path, tmp_path: Path, checkout: Checkout) -> None:
    step = one_model / "decode_images"
    shutil.copytree(checkout.model_repository / "decode_images", step)
    (step / "1" / "model.py").write_text("import a_module_that_does_not_exist\n")
    error = start_error(one_model, tmp_path)
    assert "model 'decode_images'" in str(error)
    assert "a_module_that_does_not_exist" in str(error)


def test_an_empty_log_has_a_reason_too(tmp_path: Path) -> None:
    assert reason_in_log(tmp_path / "none.log") == "it ended with no error message"
