"""Each check of `faceswap doctor` made to fail on purpose, and all of them with the real server."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faceswap_models.packs import lay_out_offline_pack
from faceswap_server.doctor.all_checks import CHECKS, run_checks
from faceswap_server.doctor.check import Result, Status, broken, ok
from faceswap_server.doctor.command import EXIT_BROKEN
from faceswap_server.doctor.context import Context, Endpoint, Machine
from faceswap_server.doctor.endpoint import check_endpoint
from faceswap_server.doctor.image import check_image
from faceswap_server.doctor.machine import check_disk, check_gpu, check_memory, check_shared_memory
from faceswap_server.doctor.model_pack import check_pack
from faceswap_server.doctor.service import check_handler, check_port, check_server, check_swap
from faceswap_server.exit_codes import ExitCode
from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton import TritonServer
from faceswap_server.triton.drain import Stopped
from faceswap_tools.fakes.control_plane import API_KEY, ENDPOINT, ControlPlane


def context(**settings: Any) -> Context:
    return Context(WorkerSettings.model_validate({"triton": "bundled", **settings}))


def is_broken(result: Result, *said: str) -> None:
    assert result.status is Status.BROKEN, result
    assert result.remedy
    for text in said:
        assert text in result.said + result.remedy, result


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A model repository of the test's own, whose networks are copies and may be damaged."""
    path = lay_out_offline_pack(tmp_path / "repository")
    for network in path.glob("*/1/model.onnx"):
        copy = network.with_suffix(".copy")
        shutil.copyfile(network, copy)  # they were links to the pack's files
        copy.replace(network)
    return path


# image


def test_the_built_in_image() -> None:
    result = check_image(context())
    assert result.status is Status.OK
    assert (result.facts["width"], result.facts["height"]) == (256, 256)


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "EMPTY_IMAGE"), (b"<html>", "NOT_AN_IMAGE"), (probe_image()[:4000], "TRUNCATED_IMAGE")]
)
def test_a_bad_image(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(data)
    checked = context()
    checked.image_file = path
    is_broken(check_image(checked), code, "bad.jpg")


def test_no_image(tmp_path: Path) -> None:
    checked = context()
    checked.image_file = tmp_path / "none.jpg"
    is_broken(check_image(checked), "none.jpg cannot be read")


def test_a_limit_that_makes_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESWAP_MAX_IMAGE_SIDE", "wide")
    is_broken(check_image(context()), "FACESWAP_MAX_IMAGE_SIDE")


# pack


def test_the_pack_is_there(repository: Path) -> None:
    result = check_pack(context(model_repository=repository))
    assert result.status is Status.OK
    assert (result.facts["pack"], result.facts["networks"]) == ("offline", 4)


def test_no_pack(tmp_path: Path) -> None:
    is_broken(check_pack(context(model_repository=tmp_path)), "no model pack", "make pack")


def test_a_manifest_that_cannot_be_read(repository: Path) -> None:
    (repository / "pack.json").write_text('{"pack": "off')
    is_broken(check_pack(context(model_repository=repository)), "no model pack")


def test_a_network_is_missing(repository: Path) -> None:
    (repository / "w600k_r50" / "1" / "model.onnx").unlink()
    is_broken(check_pack(context(model_repository=repository)), "w600k_r50/1/model.onnx is missing", "make pack")


def test_a_network_is_half_written(repository: Path) -> None:
    path = repository / "det_10g" / "1" / "model.onnx"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    is_broken(check_pack(context(model_repository=repository)), "det_10g", "half written", "make pack")


# machine


@pytest.mark.parametrize("file", ["memory.max", "memory/memory.limit_in_bytes"])
def test_little_memory(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(f"{500 * 2**20}\n")
    checked = context()
    checked.machine = Machine(cgroup=tmp_path)
    result = check_memory(checked)
    is_broken(result, "500 MB", "2048 MB", "docker run --memory")
    assert result.facts["limit_mb"] == 500


def test_memory_without_a_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    checked = context()
    checked.machine = Machine(cgroup=tmp_path)
    assert check_memory(checked).facts["limit_mb"] == pytest.approx(context_memory_mb(), abs=2)


def context_memory_mb() -> int:
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(fields["MemTotal"].split()[0]) // 1024


class Usage:
    """Stands for shutil.disk_usage: a file system of the size a test needs cannot be mounted everywhere."""

    def __init__(self, total_mb: float, free_mb: float) -> None:
        self.total, self.free = int(total_mb * 2**20), int(free_mb * 2**20)


def test_dockers_default_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceswap_server.doctor.machine.shutil.disk_usage", lambda path: Usage(64, 60))
    is_broken(check_shared_memory(context()), "60 MB of 64 MB", "--shm-size 1g")


def test_no_shared_memory(tmp_path: Path) -> None:
    checked = context()
    checked.machine = Machine(shared_memory=tmp_path / "none")
    is_broken(check_shared_memory(checked), "mount a tmpfs")


@pytest.mark.parametrize(
    ("usage", "said"), [(Usage(100_000, 100), "100 MB are free"), (Usage(100_000, 5_000), "5% of / is free")]
)
def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, usage: Usage, said: str) -> None:
    monkeypatch.setattr("faceswap_server.doctor.machine.shutil.disk_usage", lambda path: usage)
    is_broken(check_disk(context()), said)


def fake_nvidia_smi(folder: Path, answer: str) -> str:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    return str(program)


def test_a_card(tmp_path: Path) -> None:
    checked = context()
    checked.machine = Machine(nvidia_smi=fake_nvidia_smi(tmp_path, "echo 'NVIDIA L4, 23034, 580.95.05'"))
    assert check_gpu(checked).facts == {"name": "NVIDIA L4", "memory_mb": 23034, "driver": "580.95.05"}


def test_a_driver_too_old_for_the_image(tmp_path: Path) -> None:
    checked = context(triton="native")
    checked.machine = Machine(nvidia_smi=fake_nvidia_smi(tmp_path, "echo 'NVIDIA L4, 23034, 535.183.01'"))
    is_broken(check_gpu(checked), "535.183.01", "580", "allowedCudaVersions")


def test_a_card_that_is_required_and_not_there(tmp_path: Path) -> None:
    checked = context(require_gpu="yes")
    checked.machine = Machine(nvidia_smi=str(tmp_path / "none"))
    is_broken(check_gpu(checked), "--gpus all")


def test_a_driver_that_is_mapped_in_half(tmp_path: Path) -> None:
    checked = context()
    checked.machine = Machine(nvidia_smi=fake_nvidia_smi(tmp_path, "exit 9"), driver_device=tmp_path)
    is_broken(check_gpu(checked), "NVIDIA_DRIVER_CAPABILITIES")


def test_no_card_is_no_failure(tmp_path: Path) -> None:
    checked = context()
    checked.machine = Machine(nvidia_smi=str(tmp_path / "none"), driver_device=tmp_path / "none")
    assert check_gpu(checked).status is Status.SKIPPED


# port, server, swap, handler


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        is_broken(
            check_port(context(mode="lb", host="127.0.0.1", port=port)),
            str(port),
            f"end with {int(ExitCode.CANNOT_LISTEN)}",
        )
    assert check_port(context(mode="lb", host="127.0.0.1", port=port)).status is Status.OK
    assert check_port(context(port=port)).status is Status.SKIPPED


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    # the settings may find another tritonserver on PATH, if this machine has one
    checked = context(triton="native", tritonserver=tmp_path / "none", model_repository=tmp_path)
    if shutil.which("tritonserver"):
        pytest.skip("this machine has a tritonserver of its own on PATH")
    is_broken(check_server(checked), "is not there", "FACESWAP_TRITON=bundled")


def test_a_server_that_cannot_load(repository: Path) -> None:
    (repository / "det_10g" / "1" / "model.onnx").write_bytes(b"half")
    checked = context(model_repository=repository)
    try:
        is_broken(check_server(checked), "det_10g", "end with 3")
    finally:
        checked.close()


class Running:
    """The session's server, as a check would have started it; the checks must not stop it."""

    def __init__(self, server: TritonServer) -> None:
        self.pid, self.drain_timeout_s = server.pid, server.drain_timeout_s
        self.grpc_address, self.http_url = server.grpc_address, server.http_url

    def start(self, on_model_ready: Callable[[int], None] | None = None) -> None: ...

    def stop(self, drain_s: float | None = None, *, broken: bool = False) -> Stopped:
        return Stopped(lost=0)

    def kill(self) -> None: ...

    def wait(self) -> int:
        return 0

    def is_running(self) -> bool:
        return True


def test_an_image_without_a_face(server: TritonServer, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "grey.png"
    Image.new("RGB", (64, 64), (128, 128, 128)).save(path)
    checked = context()
    checked.server, checked.image_file = Running(server), path
    assert check_image(checked).status is Status.OK
    is_broken(check_swap(checked), "NO_FACE_IN_SOURCE", "shows a face")
    is_broken(check_handler(checked), "NO_FACE_IN_SOURCE")


def test_swap_and_handler(server: TritonServer) -> None:
    checked = context()
    checked.server = Running(server)
    assert check_swap(checked).status is Status.OK
    result = check_handler(checked)
    assert result.status is Status.OK
    assert 1000 < int(str(result.facts["answer_bytes"])) < checked.settings.runsync_bytes


def test_without_the_sdk_it_says_how_to_get_it(server: TritonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    checked = context()
    checked.server = Running(server)
    result = check_handler(checked)
    assert result.status is Status.SKIPPED
    assert "pip install 'runpod==1.12.*'" in result.remedy


def test_another_sdk(server: TritonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.13.0")
    checked = context()
    checked.server = Running(server)
    is_broken(check_handler(checked), "1.13.0", "runpod==1.12")


# endpoint


@pytest.fixture(scope="module")
def plane() -> Iterator[Any]:
    with ControlPlane() as running:
        yield running


def at(plane: Any, **changes: Any) -> Context:
    values = {"id": ENDPOINT, "api_key": API_KEY, "base_url": plane.base_url, "timeout": 20.0, **changes}
    checked = context()
    checked.endpoint = Endpoint(**values)
    return checked


def test_the_wrong_key(plane: Any) -> None:
    result = check_endpoint(at(plane, api_key="wrong-and-secret"))
    is_broken(result, "UNAUTHORIZED", "RUNPOD_API_KEY")
    assert "wrong-and-secret" not in repr(result)
    assert "wrong-and-secret" not in repr(at(plane, api_key="wrong-and-secret"))


def test_no_key(plane: Any) -> None:
    is_broken(check_endpoint(at(plane, api_key="")), "RUNPOD_API_KEY is not set")


@pytest.mark.parametrize("name", ["another", "a/b"])
def test_another_endpoint(plane: Any, name: str) -> None:
    is_broken(check_endpoint(at(plane, id=name)), "endpoint", "RunPod's console")


def test_an_endpoint_without_a_worker(plane: Any) -> None:
    is_broken(check_endpoint(at(plane, timeout=1.0)), "no answer within 1 s", "workers: 1 idle", "cold start")


def test_no_platform() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        checked = context()
        checked.endpoint = Endpoint("local", "key", f"http://127.0.0.1:{nobody.getsockname()[1]}/v2", 5.0)
        is_broken(check_endpoint(checked), "RunPod did not report", "internet")


def test_no_endpoint_is_no_failure() -> None:
    assert check_endpoint(context()).status is Status.SKIPPED


# all checks together


def test_nothing_after_a_failed_check_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def check(name: str, result: Result) -> Any:
        def check(context: Context) -> Result:
            tried.append(name)
            return result

        return name, check

    checks = {"one": check("one", ok("")), "two": check("two", broken("no", "do")), "three": check("three", ok(""))}
    monkeypatch.setattr("faceswap_server.doctor.all_checks.CHECKS", checks)
    results = dict(run_checks(context(), list(checks)))
    assert tried == ["one", "two"]
    assert [result.status for result in results.values()] == [Status.OK, Status.BROKEN, Status.NOT_REACHED]


def test_a_defect_of_a_check_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(context: Context) -> Result:
        raise KeyError("x")

    monkeypatch.setattr("faceswap_server.doctor.all_checks.CHECKS", {"one": ("one", fails)})
    is_broken(dict(run_checks(context(), ["one"]))["one"], "KeyError")


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [str(Path(sys.executable).with_name("faceswap")), "doctor", *arguments],
        env={**os.environ, "FACESWAP_TRITON": "bundled", **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_all_checks_from_the_command_line(offline_repository: Path) -> None:
    done = doctor("--json", FACESWAP_MODEL_REPOSITORY=str(offline_repository))
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["broken"] is None
    assert [check["check"] for check in report["checks"]] == list(CHECKS)
    status = {check["check"]: check["status"] for check in report["checks"]}
    assert {status[name] for name in ("image", "pack", "memory", "shm", "disk", "server", "swap", "handler")} == {"ok"}


def test_a_failed_check_is_a_19_and_the_last_line_says_where(tmp_path: Path) -> None:
    done = doctor("--checks", "image,pack,server", FACESWAP_MODEL_REPOSITORY=str(tmp_path))
    assert done.returncode == EXIT_BROKEN == 19
    last = done.stdout.splitlines()[-1]
    assert last.startswith("stopped at 'pack': no model pack in")
    assert "make pack" in last
    assert "not reached" in done.stdout


def test_wrong_arguments_and_variables() -> None:
    for done in (doctor("--checks", "swop"), doctor(FACESWAP_CONCURRENCY="99")):
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


def test_the_words_of_0_1_work_with_a_warning() -> None:
    done = doctor("--rungs", "picture,disk", "--json")
    assert done.returncode == 0, done.stderr
    first, second = done.stderr.splitlines()
    assert "--rungs" in first
    assert "--checks" in first
    assert "picture" in second
    assert "image" in second
    report = json.loads(done.stdout)
    assert [check["check"] for check in report["checks"]] == ["image", "disk"]
    assert [check["rung"] for check in report["rungs"]] == ["image", "disk"]
