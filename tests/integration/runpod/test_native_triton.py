"""The image's own tritonserver under the supervisor: pip's, started as the image's is, with nothing but its path."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faceswap_models.checkout import Checkout
from faceswap_server.runpod.settings import Triton, WorkerSettings
from faceswap_server.runpod.triton_server import make_server
from faceswap_server.supervision import Phase, RestartPolicy, SupervisionSettings
from faceswap_server.supervision.swap_probe import check_swap
from faceswap_server.triton import ServerStartError, SetupError
from faceswap_server.triton import native as native_triton
from faceswap_server.triton.bundled import find_bundled_triton, lay_out_backends, server_environment
from faceswap_server.triton.native import NativeTriton
from faceswap_server.triton.ports import choose_ports
from faceswap_server.triton.stub_processes import process_has_ended
from faceswap_tools.chaos.killing import family, kill_server, kill_stub
from support.supervised import Watched


@pytest.fixture
def native(stub: Path, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NativeTriton]:
    triton = find_bundled_triton()
    for name, value in server_environment(triton, dict(os.environ)).items():
        monkeypatch.setenv(name, value)
    lay_out_backends(triton, checkout.onnxruntime_backend, tmp_path / "backends")
    settings = WorkerSettings(
        triton=Triton.NATIVE,
        tritonserver=triton.executable,
        model_repository=stub,
        triton_arguments=f"--backend-directory={tmp_path / 'backends'}",
        drain_seconds=2,
    )
    native = make_server(settings)
    assert isinstance(native, NativeTriton)
    native.log = tmp_path / "tritonserver.log"
    yield native
    native.stop(0)


def regions(native: NativeTriton) -> set[Path]:
    return set(Path("/dev/shm").glob(f"{native.region_prefix}*"))


def test_it_is_started_again_on_the_same_ports_and_leaves_nothing_behind(native: NativeTriton) -> None:
    policy = RestartPolicy(first_delay_s=0.1, factor=1.0)
    watched = Watched(native, SupervisionSettings(failure_drain_s=1.0, restarts=policy))
    watched.supervisor.start()
    watched.wait_for_restart(-1)
    addresses = (native.http_url, native.grpc_address)
    for restarts, kill in enumerate((lambda pid: kill_stub(pid, "face_swap"), kill_server), 1):
        old, old_regions = family(native.pid), regions(native)
        assert len(old_regions) == 4, "one for each of the stub's instances"
        kill(native.pid)
        watched.wait_for_restart(restarts - 1)
        assert (native.http_url, native.grpc_address) == addresses
        check_swap(native.http_url, 10)
        assert all(process_has_ended(process) for process in old)
        assert len(regions(native)) == 4
        assert not regions(native) & old_regions
    old = family(native.pid)
    watched.stop()
    assert watched.supervisor.state().phase is Phase.STOPPED
    assert all(process_has_ended(process) for process in old)
    assert not regions(native)


def test_a_start_that_fails_says_why_and_leaves_nothing_behind(native: NativeTriton, stub: Path) -> None:
    (stub / "face_swap" / "1" / "model.py").write_text("import a_module_that_does_not_exist\n")
    with pytest.raises(ServerStartError, match="a_module_that_does_not_exist") as caught:
        native.start()
    assert not caught.value.may_pass
    assert not native.is_running()
    assert not regions(native)
    with pytest.raises(SetupError, match="not running"):
        _ = native.pid


def test_a_port_that_somebody_takes_while_it_loads_is_left_to_them(
    native: NativeTriton, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken, monkeypatch.context() as patch:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        theirs = taken.getsockname()[1]
        patch.setattr(native_triton, "choose_ports", lambda wanted: (theirs, *choose_ports((0, 0, 0))[1:]))
        with pytest.raises(ServerStartError, match=f"another program took port {theirs}") as caught:
            native.start()
    assert caught.value.may_pass
    native.start()
    assert native.http_url != f"http://127.0.0.1:{theirs}"
    check_swap(native.http_url, 10)


def test_a_start_can_be_given_up(native: NativeTriton, stub: Path) -> None:
    class Enough(Exception):
        pass

    def give_up(_loaded: int) -> None:
        started.extend(family(native.pid))
        raise Enough

    started: list[object] = []
    began = time.monotonic()
    with pytest.raises(Enough):
        native.start(give_up)
    assert started
    assert not native.is_running()
    assert time.monotonic() - began < 30
