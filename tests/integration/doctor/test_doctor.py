"""Each rung of `faceswap debug` broken on purpose, and the whole climb with the real server."""

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
from faceswap_server.doctor.all_checks import CHECKS, climb
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
    ladder = context()
    ladder.image_file = path
    is_broken(check_image(ladder), code, "bad.jpg")


def test_no_image(tmp_path: Path) -> None:
    ladder = context()
    ladder.image_file = tmp_path / "none.jpg"
    is_broken(check_image(ladder), "none.jpg cannot be read")


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
    ladder = context()
    ladder.machine = Machine(cgroup=tmp_path)
    result = check_memory(ladder)
    is_broken(result, "500 MB", "2048 MB", "docker run --memory")
    assert result.facts["limit_mb"] == 500


def test_memory_without_a_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    ladder = context()
    ladder.machine = Machine(cgroup=tmp_path)
    assert check_memory(ladder).facts["limit_mb"] == pytest.approx(context_memory_mb(), abs=2)


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
    ladder = context()
    ladder.machine = Machine(shared_memory=tmp_path / "none")
    is_broken(check_shared_memory(ladder), "mount a tmpfs")


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
    ladder = context()
    ladder.machine = Machine(nvidia_smi=fake_nvidia_smi(tmp_path, "echo 'NVIDIA L4, 23034, 580.95.05'"))
    assert check_gpu(ladder).facts == {"name": "NVIDIA L4", "memory_mb": 23034, "driver": "580.95.05"}


def test_a_driver_too_old_for_the_image(tmp_path: Path) -> None:
    ladder = context(triton="native")
    ladder.machine = Machine(nvidia_smi=fake_nvidia_smi(tmp_path, "echo 'NVIDIA L4, 23034, 535.183.01'"))
    is_broken(check_gpu(ladder), "535.183.01", "580", "allowedCudaVersions")


def test_a_card_that_is_required_and_not_there(tmp_path: Path) -> None:
    ladder = context(require_gpu="yes")
    ladder.machine = Machine(nvidia_smi=str(tmp_path / "none"))
    is_broken(check_gpu(ladder), "--gpus all")


def test_a_driver_that_is_mapped_in_half(tmp_path: Path) -> None:
    ladder = context()
    ladder.machine = Machine(nvidia_smi=fake_nvidia_smi(tmp_path, "exit 9"), driver_device=tmp_path)
    is_broken(check_gpu(ladder), "NVIDIA_DRIVER_CAPABILITIES")


def test_no_card_is_no_failure(tmp_path: Path) -> None:
    ladder = context()
    ladder.machine = Machine(nvidia_smi=str(tmp_path / "none"), driver_device=tmp_path / "none")
    assert check_gpu(ladder).status is Status.SKIPPED


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
    ladder = context(triton="native", tritonserver=tmp_path / "none", model_repository=tmp_path)
    if shutil.which("tritonserver"):
        pytest.skip("this machine has a tritonserver of its own on PATH")
    is_broken(check_server(ladder), "is not there", "FACESWAP_TRITON=carried")


def test_a_server_that_cannot_load(repository: Path) -> None:
    (repository / "det_10g" / "1" / "model.onnx").write_bytes(b"half")
    ladder = context(model_repository=repository)
    try:
        is_broken(check_server(ladder), "det_10g", "end with 3")
    finally:
        ladder.close()


class Running:
    """The session's server, as a rung would have started it; ending it is not the ladder's business."""

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
    ladder = context()
    ladder.server, ladder.image_file = Running(server), path
    assert check_image(ladder).status is Status.OK
    is_broken(check_swap(ladder), "NO_FACE_IN_SOURCE", "shows a face")
    is_broken(check_handler(ladder), "NO_FACE_IN_SOURCE")


def test_swap_and_handler(server: TritonServer) -> None:
    ladder = context()
    ladder.server = Running(server)
    assert check_swap(ladder).status is Status.OK
    result = check_handler(ladder)
    assert result.status is Status.OK
    assert 1000 < int(str(result.facts["answer_bytes"])) < ladder.settings.runsync_bytes


def test_without_the_sdk_it_says_how_to_get_it(server: TritonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    ladder = context()
    ladder.server = Running(server)
    result = check_handler(ladder)
    assert result.status is Status.SKIPPED
    assert "pip install 'runpod==1.12.*'" in result.remedy


def test_another_sdk(server: TritonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.13.0")
    ladder = context()
    ladder.server = Running(server)
    is_broken(check_handler(ladder), "1.13.0", "runpod==1.12")


# endpoint


@pytest.fixture(scope="module")
def plane() -> Iterator[Any]:
    from faceswap_tools.fakes.control_plane import ControlPlane

    with ControlPlane() as running:
        yield running


def at(plane: Any, **changes: Any) -> Context:
    values = {"id": "desk", "api_key": "desk-key", "base_url": plane.base_url, "timeout": 20.0, **changes}
    ladder = context()
    ladder.endpoint = Endpoint(**values)
    return ladder


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
        ladder = context()
        ladder.endpoint = Endpoint("desk", "key", f"http://127.0.0.1:{nobody.getsockname()[1]}/v2", 5.0)
        is_broken(check_endpoint(ladder), "RunPod does not say", "internet")


def test_no_endpoint_is_no_failure() -> None:
    assert check_endpoint(context()).status is Status.SKIPPED


# the ladder


def test_nothing_above_a_broken_rung_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def rung(name: str, result: Result) -> Any:
        def check(context: Context) -> Result:
            tried.append(name)
            return result

        return name, check

    rungs = {"one": rung("one", ok("")), "two": rung("two", broken("no", "do")), "three": rung("three", ok(""))}
    monkeypatch.setattr("faceswap_server.doctor.all_checks.CHECKS", rungs)
    results = dict(climb(context(), list(rungs)))
    assert tried == ["one", "two"]
    assert [result.status for result in results.values()] == [Status.OK, Status.BROKEN, Status.NOT_REACHED]


def test_a_fault_of_ours_is_a_broken_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(context: Context) -> Result:
        raise KeyError("x")

    monkeypatch.setattr("faceswap_server.doctor.all_checks.CHECKS", {"one": ("one", fails)})
    is_broken(dict(climb(context(), ["one"]))["one"], "KeyError")


def debug(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [str(Path(sys.executable).with_name("faceswap")), "debug", *arguments],
        env={**os.environ, "FACESWAP_TRITON": "bundled", **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_the_whole_climb_from_the_command_line(offline_repository: Path) -> None:
    done = debug("--json", FACESWAP_MODEL_REPOSITORY=str(offline_repository))
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["broken"] is None
    assert [rung["rung"] for rung in report["rungs"]] == list(CHECKS)
    status = {rung["rung"]: rung["status"] for rung in report["rungs"]}
    assert {status[name] for name in ("image", "pack", "memory", "shm", "disk", "server", "swap", "handler")} == {"ok"}


def test_a_broken_rung_is_a_19_and_the_last_line_says_where(tmp_path: Path) -> None:
    done = debug("--rungs", "image,pack,server", FACESWAP_MODEL_REPOSITORY=str(tmp_path))
    assert done.returncode == EXIT_BROKEN == 19
    last = done.stdout.splitlines()[-1]
    assert last.startswith("stopped at 'pack': no model pack in")
    assert "make pack" in last
    assert "not reached" in done.stdout


def test_wrong_arguments_and_variables() -> None:
    for done in (debug("--rungs", "swop"), debug(FACESWAP_CONCURRENCY="99")):
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
