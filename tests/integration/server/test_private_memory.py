"""Shared memory of the real server: no other user reads it, no other server deletes it, no clock empties it."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from faceswap_client import Client
from faceswap_core.buffers.server_name import buffer_folder, folder_of, name_of_process
from faceswap_core.buffers.server_processes import SHARED_MEMORY, regions_of
from faceswap_server.triton import ServerSettings, TritonServer
from faceswap_server.triton.arguments import ServerArguments, server_arguments
from faceswap_server.triton.bundled import find_bundled_triton
from faceswap_server.triton.ports import choose_ports
from faceswap_server.triton.server_folder import ServerFolder
from faceswap_server.triton.wait_ready import wait_until_ready
from support.callers import Callers
from support.second_user import NOBODY, SecondUser, needs_root
from support.served import Served

SWAPS_S = 5.0
GPU_LOG = Path("/var/log/nv-hostengine.log")
"""Of NVIDIA's DCGM library in tritonserver, one for the machine; it knows of GPUs alone."""


def large(photograph: Path) -> bytes:
    """More bytes than Triton's regions have at the start, so that they grow."""
    return photograph.read_bytes() + secrets.token_bytes(3 * 2**20)


def writable_files(pid: int) -> set[Path]:
    """Files that the processes of a server have mapped to write to and share, or hold open to write to."""
    found = set()
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        found |= {Path(path) for path in re.findall(r"^\S+ rw-s \S+ \S+ \d+ +(/.+)$", maps, re.MULTILINE)}
        found |= {Path(each.path) for each in process.open_files() if each.mode != "r"}
    return found


@needs_root
def test_no_other_user_reads_what_requests_leave_in_memory(
    offline_repository: Path, tmp_path: Path, group: Path
) -> None:
    """Looked at from before the start, without a pause while it starts, then every 100 ms."""
    server = TritonServer(ServerSettings(offline_repository, log=tmp_path / "server.log"))
    regions = f"{SHARED_MEMORY}/{server.region_prefix}*"
    with SecondUser(0.0, regions) as at_start:
        server.start()
    try:
        patterns = (regions, str(server.buffers), f"{server.buffers}/*", "/tmp/faceswap-triton-*")
        with SecondUser(0.1, *patterns) as looking, Callers([server.grpc_address] * 3, large(group)) as callers:
            began = {path: path.stat().st_size for path in SHARED_MEMORY.glob(f"{server.region_prefix}*")}
            time.sleep(SWAPS_S)
            callers.stop()
            assert callers.kinds() == {"answered": len(callers.answers)}
        # a network that Triton loads again meanwhile, because another test links its file, has a new region
        grown = [path for path, size in began.items() if path.exists() and path.stat().st_size > size]
        open_to_others = [
            path
            for path in writable_files(server.pid) - {server.log, GPU_LOG}
            if path.is_file() and path.stat().st_mode & 0o077
        ]
    finally:
        server.stop()
    assert at_start.looks > 100
    assert at_start.seen == len(began)
    assert grown, "regions grew meanwhile"
    assert looking.looks > SWAPS_S / 0.1 / 2
    assert looking.seen > len(began), "the folder of the buffers too"
    assert (at_start.read, looking.read) == ([], [])
    assert open_to_others == []


@contextmanager
def started_by_hand(repository: Path, log: Path, environment: dict[str, str]) -> Iterator[tuple[int, str]]:
    """A tritonserver that no launcher of ours has started: its process id and gRPC address."""
    triton, ports = find_bundled_triton(), choose_ports((0, 0, 0))
    folder = ServerFolder(triton, repository)
    prefix = f"by_hand_{secrets.token_hex(4)}_"
    arguments = server_arguments(ServerArguments(folder.models, folder.backends, ports, prefix, "key"))
    try:
        with (
            log.open("wb") as file,
            subprocess.Popen(
                [triton.executable, *arguments],
                env=triton.environment(os.environ) | environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            family: list[psutil.Process] = []

            def look() -> None:
                assert process.poll() is None, log.read_text()

            try:
                assert wait_until_ready((f"http://127.0.0.1:{ports[0]}/v2/health/ready",), 90.0, look) is None
                family = psutil.Process(process.pid).children(recursive=True)
                yield process.pid, f"127.0.0.1:{ports[1]}"
            finally:
                process.kill()
                process.wait()
                psutil.wait_procs(family, timeout=30)
                for region in SHARED_MEMORY.glob(f"{prefix}*"):
                    region.unlink()
    finally:
        folder.remove()


def test_a_server_started_by_hand_works_and_closes_its_regions(
    offline_repository: Path, tmp_path: Path, portrait: Path
) -> None:
    with started_by_hand(offline_repository, tmp_path / "log", {}) as (pid, address):
        with Client(address) as client:
            assert client.swap(portrait, portrait).image
        folder = buffer_folder(pid)
        assert folder == folder_of(name_of_process(pid))
        assert folder.stat().st_mode & 0o777 == 0o700
        regions = {region for child in psutil.Process(pid).children() for region in regions_of(child)}
        assert len(regions) > 5
        deadline = time.monotonic() + 15.0
        while any(region.stat().st_mode & 0o077 for region in regions):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert not folder.exists(), "its steps clear up"


@needs_root
def test_a_server_whose_folder_is_planted_does_not_start(offline_repository: Path, tmp_path: Path) -> None:
    """The launcher's names cannot be guessed; a name that was given away is refused all the same."""
    name = f"p1-{secrets.token_hex(8)}"
    planted = folder_of(name)
    planted.mkdir()
    planted.chmod(0o777)
    os.chown(planted, NOBODY, NOBODY)
    try:
        environment = {"FACESWAP_SERVER_NAME": name}
        with (
            pytest.raises(AssertionError, match=rf"{planted} belongs to user {NOBODY}"),
            started_by_hand(offline_repository, tmp_path / "log", environment),
        ):
            pass
        assert list(planted.iterdir()) == []
    finally:
        planted.rmdir()


@needs_root
def test_servers_in_two_pid_namespaces_leave_each_other_alone(
    offline_repository: Path, tmp_path: Path, portrait: Path
) -> None:
    """As two containers that share /dev/shm: --ipc=host, or one volume."""
    image = portrait.read_bytes()
    folders = [tmp_path / name for name in ("first", "second")]
    servers = []
    for folder in folders:
        folder.mkdir()
        servers.append(Served(folder, f"--repository={offline_repository}"))
        # the second has fewer processes, so that it knows none of the first's numbers
        others = "for i in $(seq 300); do /bin/true; done; " if not servers[1:] else ""
        command = [
            "unshare",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "sh",
            "-c",
            f'{others}"$@"; exit',
            "sh",
        ]
        servers[-1].command = [*command, *servers[-1].command]
    with servers[0] as first:
        address = first.wait_until("healthy")["grpc"]
        with Client(address) as client:
            client.swap(image, image)
        triton = next(process for process in first.family if process.name() == "tritonserver")
        made = {buffer_folder(triton.pid)}.union(*map(regions_of, triton.children()))
        assert any(path.is_dir() for path in made), "the buffers"
        assert sum(path.is_file() for path in made) > 5, "the regions"
        with servers[1] as second:
            other = second.wait_until("healthy")["grpc"]
            assert {path for path in made if not path.exists()} == set()
            for each in (address, other):
                with Client(each) as client:
                    client.swap(image, image)
            assert (first.state()["restarts"], second.state()["restarts"]) == (0, 0)


def test_a_wall_clock_that_is_set_back_fails_no_request(server: TritonServer, group: Path) -> None:
    """Files whose times lie ahead, as all do after the step."""
    with Callers([server.grpc_address] * 3, group.read_bytes()) as callers:
        callers.wait_for_answers(3)
        began = time.monotonic()
        while time.monotonic() - began < SWAPS_S:
            for path in server.buffers.iterdir():
                if path.name.startswith("arrived-") or path.name == "finished":
                    ahead = time.time() + 60.0
                    os.utime(path, (path.stat().st_atime, ahead))
            time.sleep(0.05)
    assert callers.kinds() == {"answered": len(callers.answers)}
    assert len(callers.answers) > 6
