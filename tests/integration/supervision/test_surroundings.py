"""What is wrong with the machine: one clear line each, exit code 10, nothing left behind."""

from __future__ import annotations

import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest
from faceswap_models.checkout import Checkout
from faceswap_server.exit_codes import ExitCode
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.mounts import ReadOnly, Tmpfs, command_with_mounts, run_with_mounts
from support.served import Served

SHM = Path("/dev/shm")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder to mount something over."""
    folder = tmp_path / "small"
    folder.mkdir()
    return folder


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A repository that starts in a second."""
    return lay_out_stub_repository(tmp_path / "stub", seconds=0.01)


def one_line_of(
    tmp_path: Path, repository: Path, *mounts: Tmpfs | ReadOnly, log: Path | None = None, tmpdir: Path | None = None
) -> str:
    """Serves where that cannot work; the one line it says."""
    served = Served(tmp_path, f"--repository={repository}")
    command = [*served.command, *([f"--log={log}"] if log else [])]
    environment = {"TMPDIR": str(tmpdir)} if tmpdir else {}
    ended = run_with_mounts(mounts, command, environment)
    assert ended.returncode == ExitCode.CANNOT_START, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("faceswap serve: ")]
    assert len(lines) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert lines[0].endswith("(exit code 10)")
    return lines[0]


def test_dev_shm_of_64_mb(tmp_path: Path, stub: Path) -> None:
    line = one_line_of(tmp_path, stub, Tmpfs(SHM, "64m"))
    assert "/dev/shm has 64 MB, the server needs 256 MB (2048 MB advised)" in line
    assert "docker run --shm-size=2g" in line


def test_dev_shm_that_others_have_filled(tmp_path: Path, stub: Path) -> None:
    line = one_line_of(tmp_path, stub, Tmpfs(SHM, "300m", full=True))
    assert "/dev/shm has 0 MB free of 300 MB" in line
    assert "remove what fills it" in line


def test_a_full_disk_under_the_log(tmp_path: Path, stub: Path, small: Path) -> None:
    line = one_line_of(tmp_path, stub, Tmpfs(small, "64k", full=True), log=small / "server.log")
    assert f"the server's log {small / 'server.log'} cannot be written: the disk is full" in line
    assert "choose another file with --log" in line


def test_a_read_only_file_system_under_the_log(tmp_path: Path, stub: Path, small: Path) -> None:
    line = one_line_of(tmp_path, stub, Tmpfs(small, "64k", read_only=True), log=small / "logs" / "server.log")
    assert "cannot be written: the file system is read-only" in line


def test_a_full_disk_under_the_temporary_folder(tmp_path: Path, stub: Path, small: Path) -> None:
    line = one_line_of(tmp_path, stub, Tmpfs(small, "1m"), tmpdir=small)
    assert "the server's temporary folder" in line
    assert "the disk is full" in line
    assert "TMPDIR" in line


@pytest.mark.parametrize(
    ("state", "says"), [("full", "the disk is full"), ("read_only", "the file system is read-only")]
)
def test_a_pack_that_cannot_be_written(state: str, says: str, checkout: Checkout, repository: Path) -> None:
    """Over the checkout's own packs, which the mount hides from this command alone."""
    del repository  # it has made the folder
    mount = Tmpfs(checkout.packs, "1m", full=state == "full", read_only=state == "read_only")
    ended = run_with_mounts([mount], [sys.executable, "-m", "faceswap_models.packs", "offline"])
    assert ended.returncode == 1
    assert ended.stderr.startswith("pack: the model pack ")
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_pack_that_does_not_fit_into_the_repository(repository: Path, small: Path) -> None:
    del repository  # it has prepared the pack
    command = [sys.executable, "-m", "faceswap_models.packs", "offline", f"--output={small / 'models'}"]
    ended = run_with_mounts([Tmpfs(small, "1m", full=True)], command)
    assert ended.returncode == 1
    assert f"pack: pack 'offline' into {small / 'models'} cannot be written: the disk is full" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_port_that_is_taken(tmp_path: Path, stub: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Served(tmp_path, f"--repository={stub}", f"--grpc-port={port}") as served:
            code, stderr = served.end()
    assert code == ExitCode.CANNOT_START
    last = stderr.strip().splitlines()[-1]
    assert last.startswith(f"faceswap serve: port {port} on 127.0.0.1 is already in use")
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("damage", "says"), [("missing", "is missing"), ("half", "is damaged or half-written (5000 bytes")]
)
def test_a_network_that_is_missing_or_half_written(damage: str, says: str, tmp_path: Path, repository: Path) -> None:
    copy = tmp_path / "repository"
    shutil.copytree(repository / "det_10g", copy / "det_10g")
    shutil.copy(repository / "pack.json", copy)
    network = copy / "det_10g" / "1" / "model.onnx"
    if damage == "half":
        network.write_bytes(network.read_bytes()[:5000])
    else:
        network.unlink()
    with Served(tmp_path, f"--repository={copy}") as served:
        code, stderr = served.end()
    assert code == ExitCode.CANNOT_START
    last = stderr.strip().splitlines()[-1]
    assert f"{network} {says}" in last
    assert "install the pack 'offline' again (`make pack` or `make models`)" in last
    assert "Traceback" not in stderr


def test_a_repository_that_is_none(tmp_path: Path) -> None:
    with Served(tmp_path, f"--repository={tmp_path / 'nowhere'}") as served:
        code, stderr = served.end()
    assert code == ExitCode.CANNOT_START
    assert f"{tmp_path / 'nowhere'} is not a model repository" in stderr


def test_what_need_not_stop_a_server(tmp_path: Path, stub: Path, small: Path) -> None:
    """A repository that is read-only, a state file on a full disk, a /dev/shm that is merely small."""
    (small / "x").write_text("")
    served = Served(tmp_path, f"--repository={stub}", state_file=small / "state.json")
    served.command = command_with_mounts(
        [ReadOnly(stub), Tmpfs(small, "64k", full=True), Tmpfs(SHM, "300m")], served.command
    )
    with served:
        assert served.process.stderr is not None
        said = []
        for line in served.process.stderr:
            said.append(line)
            if "Ctrl-C stops it" in line:
                break
        served.process.send_signal(signal.SIGTERM)
        code, rest = served.end()
    text = "".join(said)
    assert code == ExitCode.STOPPED, text + rest
    assert "/dev/shm has 300 MB; large images under load may need 2048 MB" in text
    assert "the state cannot be written to" in text + rest
    assert (text + rest).count("the state cannot be written") == 1
    assert shutil.disk_usage(SHM).total != 300 * 2**20, "this machine's own is as it was"
