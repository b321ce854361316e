"""What holds for every tritonserver, the bundled one and a native one: closed calls, /dev/shm, drain, metrics, logs."""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from faceswap_client import Client
from faceswap_server.exit_codes import ExitCode
from faceswap_server.supervision import RestartPolicy, SupervisionSettings
from faceswap_server.supervision.swap_probe import check_swap, probe_image
from faceswap_server.triton import (
    NativeTriton,
    ServerSettings,
    ServerStartError,
    SetupError,
    Stopped,
    TritonLocator,
    TritonServer,
    triton_server,
)
from faceswap_server.triton.environment import ALLOCATOR
from faceswap_server.triton.ports import choose_ports
from faceswap_server.triton.stub_processes import process_has_ended
from faceswap_tools.chaos.killing import family, kill_server, kill_stub
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.mounts import Tmpfs, run_with_mounts
from support.raw_requests import raw_grpc, raw_http
from support.supervised import PATIENCE_S, Watched
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

INSTANCES = 2
SWAP_SECONDS = 0.02
SHM = Path("/dev/shm")


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A repository whose swap takes 20 ms, two at once."""
    return lay_out_stub_repository(tmp_path / "stub", seconds=SWAP_SECONDS, instances=INSTANCES)


@pytest.fixture(scope="module")
def running(triton: TritonLocator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """One that nobody breaks."""
    folder = tmp_path_factory.mktemp("running")
    stub = lay_out_stub_repository(folder / "stub", seconds=SWAP_SECONDS, instances=INSTANCES)
    settings = ServerSettings(stub, triton=triton, log=folder / "server.log", drain_timeout_s=0)
    with TritonServer(settings) as server:
        yield server


@pytest.fixture
def own(triton: TritonLocator, stub: Path, tmp_path: Path) -> Iterator[TritonServer]:
    """One that is not started yet, for tests that break it."""
    server = TritonServer(ServerSettings(stub, triton=triton, log=tmp_path / "server.log"))
    yield server
    server.stop(0)


def regions(server: TritonServer) -> set[Path]:
    return set(SHM.glob(f"{server.region_prefix}*"))


# --- what callers on loopback may ask


CLOSED_OVER_HTTP = [
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/face_swap/load"),
    ("POST", "/v2/repository/models/face_swap/unload"),
    ("GET", "/v2/systemsharedmemory/status"),
    ("POST", "/v2/systemsharedmemory/region/x/register"),
    ("GET", "/v2/cudasharedmemory/status"),
    ("GET", "/v2/trace/setting"),
    ("GET", "/v2/models/face_swap/trace/setting"),
    ("GET", "/v2/logging"),
    ("POST", "/v2/logging"),
]


@pytest.mark.parametrize(("method", "path"), CLOSED_OVER_HTTP)
def test_control_calls_are_closed_over_http(method: str, path: str, running: TritonServer) -> None:
    answer = httpx.request(method, f"{running.http_url}{path}", json={} if method == "POST" else None, trust_env=False)
    assert answer.status_code == httpx.codes.FORBIDDEN, answer.text
    assert "restricted" in answer.text


def test_control_calls_are_closed_over_grpc(running: TritonServer) -> None:
    with InferenceServerClient(running.grpc_address) as client:
        for call in (
            client.get_model_repository_index,
            client.get_system_shared_memory_status,
            client.get_cuda_shared_memory_status,
            client.get_trace_settings,
            client.get_log_settings,
            lambda: client.load_model("face_swap"),
            lambda: client.unload_model("face_swap"),
            lambda: client.register_system_shared_memory("x", "/x", 1),
        ):
            with pytest.raises(InferenceServerException, match=r"(?i)restricted"):
                call()


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_who_reads_the_command_line_cannot_open_the_control_calls(line_end: bytes, running: TritonServer) -> None:
    words = psutil.Process(running.pid).cmdline()
    for option in ("--http-restricted-api=", "--grpc-restricted-protocol="):
        (word,) = [each for each in words if each.startswith(option)]
        name, _, value = word.partition(":")[2].partition("=")
        header = name.encode(), value.encode()
        assert b"200 OK" not in raw_http(running.http_port, "/v2/logging", header, line_end)
        folded = name.replace("\n", "\n ").encode(), header[1]
        assert b"200 OK" not in raw_http(running.http_port, "/v2/logging", folded, line_end)
        prefixed = b"triton-grpc-protocol-" + header[0], header[1]  # as Triton names it
        answer = raw_grpc(running.grpc_port, "/inference.GRPCInferenceService/TraceSetting", prefixed)
        assert answer and b"trace_rate" not in answer
    assert httpx.get(f"{running.http_url}/v2/health/ready", trust_env=False).status_code == httpx.codes.OK


@pytest.mark.parametrize("path", ["models/face_swap/config", "models/stats", "models/face_swap/ready", "health/ready"])
def test_configs_statistics_and_readiness_are_open(path: str, running: TritonServer) -> None:
    assert httpx.get(f"{running.http_url}/v2/{path}", trust_env=False).status_code == httpx.codes.OK


def test_nothing_listens_beyond_loopback(running: TritonServer) -> None:
    found = [each.laddr for each in psutil.Process(running.pid).net_connections("inet") if each.status == "LISTEN"]
    assert {address.ip.removeprefix("::ffff:") for address in found} == {"127.0.0.1"}
    assert {address.port for address in found} == {running.http_port, running.grpc_port, running.metrics_port}


def test_metrics_count_requests(running: TritonServer) -> None:
    def succeeded() -> int:
        text = httpx.get(running.metrics_url, trust_env=False).text
        (line,) = [each for each in text.splitlines() if each.startswith('nv_inference_request_success{model="face_sw')]
        return int(line.split()[-1])

    before = succeeded()
    check_swap(running.http_url, 10)
    assert succeeded() == before + 1


def test_the_server_gets_the_allocators_settings(running: TritonServer) -> None:
    environment = psutil.Process(running.pid).environ()
    assert {name: environment.get(name) for name in ALLOCATOR} == ALLOCATOR


# --- the machine


def test_a_small_dev_shm_is_refused_before_the_start(triton: TritonLocator, stub: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from faceswap_server.triton import *\n"
        f"triton = NativeTriton(Path({str(triton.executable)!r})) if {isinstance(triton, NativeTriton)} else None\n"
        f"settings = ServerSettings(Path({str(stub)!r}), triton=triton, log=Path({str(tmp_path / 'log')!r}))\n"
        "server = TritonServer(settings)\n"
        "try:\n"
        "    server.start()\n"
        "except SetupError as error:\n"
        "    print(error)\n"
    )
    ended = run_with_mounts([Tmpfs(SHM, "64m")], [sys.executable, "-c", program])
    assert ended.stdout.startswith("/dev/shm has 64 MB, the server needs 256 MB (2048 MB advised)"), ended.stderr
    assert not (tmp_path / "log").exists(), "nothing was started"


def test_a_server_that_is_not_there_is_one_clear_line(stub: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is not there; give the path of a tritonserver program or of its home"):
        TritonServer(ServerSettings(stub, triton=NativeTriton(tmp_path / "none"), log=tmp_path / "log")).start()


# --- starts


def test_a_start_that_fails_says_why_and_leaves_nothing_behind(own: TritonServer, stub: Path) -> None:
    (stub / "face_swap" / "1" / "model.py").write_text("import a_module_that_does_not_exist\n")
    with pytest.raises(ServerStartError, match="a_module_that_does_not_exist") as caught:
        own.start()
    assert "\n" not in str(caught.value)
    assert not caught.value.may_pass
    assert not own.is_running()
    assert not regions(own)
    with pytest.raises(SetupError, match="not running"):
        _ = own.pid


def test_a_port_that_another_program_takes_while_it_loads_is_left_to_it(
    own: TritonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken, monkeypatch.context() as patch:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        theirs = taken.getsockname()[1]
        patch.setattr(triton_server, "choose_ports", lambda wanted: (theirs, *choose_ports((0, 0, 0))[1:]))
        with pytest.raises(ServerStartError, match=f"another program took port {theirs}") as caught:
            own.start()
    assert caught.value.may_pass
    own.start()
    assert own.http_url != f"http://127.0.0.1:{theirs}"
    check_swap(own.http_url, 10)


def test_a_start_can_be_given_up(own: TritonServer) -> None:
    class Enough(Exception):
        pass

    def give_up(_loaded: int) -> None:
        started.extend(family(own.pid))
        raise Enough

    started: list[object] = []
    began = time.monotonic()
    with pytest.raises(Enough):
        own.start(give_up)
    assert started
    assert not own.is_running()
    assert time.monotonic() - began < 30


def test_it_is_started_again_on_the_same_ports_and_leaves_nothing_behind(own: TritonServer) -> None:
    policy = RestartPolicy(first_delay_s=0.1, factor=1.0)
    watched = Watched(own, SupervisionSettings(failure_drain_s=0.0, restarts=policy))
    watched.supervisor.start()
    watched.wait_for_restart(-1)
    addresses = (own.http_url, own.grpc_address, own.metrics_url)
    for restarts, kill in enumerate((lambda pid: kill_stub(pid, "face_swap"), kill_server), 1):
        old, old_regions = family(own.pid), regions(own)
        assert len(old_regions) == INSTANCES
        kill(own.pid)
        watched.wait_for_restart(restarts - 1)
        assert (own.http_url, own.grpc_address, own.metrics_url) == addresses
        check_swap(own.http_url, 10)
        assert all(process_has_ended(process) for process in old)
        assert len(regions(own)) == INSTANCES
        assert not regions(own) & old_regions
    old = family(own.pid)
    watched.stop()
    assert watched.supervisor.wait().code is ExitCode.STOPPED  # type: ignore[union-attr]
    assert all(process_has_ended(process) for process in old)
    assert not regions(own)


# --- the log


def test_a_container_gets_the_log_on_stderr(
    triton: TritonLocator, stub: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "server.log"
    settings = ServerSettings(stub, triton=triton, log=log, log_to_stderr=True, drain_timeout_s=0)
    with TritonServer(settings) as server:
        kept = log.read_text()
        assert "successfully loaded 'face_swap'" in kept
        check_swap(server.http_url, 10)
    said = capfd.readouterr().err
    assert "successfully loaded 'face_swap'" in said
    assert "Waiting for in-flight requests" in said, "its end is in the log too"
    assert "Waiting for in-flight requests" not in log.read_text(), "the file keeps the start alone"
    (stub / "face_swap" / "1" / "model.py").write_text("import a_module_that_does_not_exist\n")
    with pytest.raises(ServerStartError, match="a_module_that_does_not_exist"):
        TritonServer(settings).start()
    assert "a_module_that_does_not_exist" in capfd.readouterr().err


# --- stops


def test_a_stop_under_load_loses_nothing(triton: TritonLocator, tmp_path: Path) -> None:
    """Four swaps of a second each, one after the other: SIGTERM alone would cut three of them off."""
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=1)
    with in_flight(TritonServer(ServerSettings(slow, triton=triton, log=tmp_path / "log")), 4) as (server, swaps):
        assert server.stop() == Stopped(lost=0)
        assert [swap.result(0) for swap in swaps] == [1] * 4


def test_a_stop_that_does_not_wait_does_not_say_that_nothing_was_lost(triton: TritonLocator, tmp_path: Path) -> None:
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=30)
    with in_flight(TritonServer(ServerSettings(slow, triton=triton, log=tmp_path / "log")), 2) as (server, swaps):
        assert server.stop(0) == Stopped(lost=None), "the stub keeps no leases that could be counted"
        assert all(swap.exception(10) is not None for swap in swaps)


@contextmanager
def in_flight(server: TritonServer, count: int) -> Iterator[tuple[TritonServer, list[Future[int]]]]:
    """The started server with `count` swaps in it, of which one runs; each future has its number of faces."""
    waiting = re.compile(rf'nv_inference_pending_request_count{{model="face_swap",version="1"}} {count - 1}')
    with server, ThreadPoolExecutor(count) as pool:
        swaps = [pool.submit(swap, server.grpc_address) for _ in range(count)]
        deadline = time.monotonic() + PATIENCE_S
        while not waiting.search(httpx.get(server.metrics_url, trust_env=False).text):
            assert time.monotonic() < deadline, "they did not arrive"
            time.sleep(0.02)
        yield server, swaps


def swap(address: str) -> int:
    with Client(address, timeout=PATIENCE_S, remember_sources=0, retries=0) as client:
        return len(client.swap(probe_image(), probe_image()).faces)
