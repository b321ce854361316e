"""Free ports: what is chosen, and what comes of one that somebody takes before Triton opens it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from faceswap_server.supervision import RestartPolicy, SupervisionSettings
from faceswap_server.triton import ServerSettings, SetupError, TritonServer, ports
from faceswap_server.triton import triton_server as triton_process
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.supervised import Watched


def test_free_ports_are_none_that_the_kernel_gives_to_others() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    chosen = [port for _ in range(20) for port in ports.choose_ports((0, 0, 0))]
    assert all(1023 < port < first or port > last for port in chosen)
    assert all(len({*chosen[i : i + 3]}) == 3 for i in range(0, 60, 3))
    with socket.socket() as now_mine:
        now_mine.bind(("127.0.0.1", ports.free_port()))


@pytest.mark.parametrize("content", ["1024\t65535\n", "", None])
def test_where_the_kernel_gives_them_all_it_is_asked(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "range").write_text(content)
    monkeypatch.setattr(ports, "EPHEMERAL_RANGE", tmp_path / "range")
    assert all(port > 1023 for port in ports.choose_ports((0, 0, 0)))


def test_candidates_that_are_taken_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        theirs = taken.getsockname()[1]
        monkeypatch.setattr(ports, "_outside", lambda first, last: [theirs])
        assert ports.free_port() != theirs
        with pytest.raises(SetupError, match=f"port {theirs} on 127.0.0.1 is already in use"):
            ports.choose_ports((theirs, 0, 0))


@pytest.mark.parametrize("which", [0, 1, 2], ids=["http", "grpc", "metrics"])
def test_a_port_that_somebody_takes_while_the_server_loads(
    which: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose, asked = ports.choose_ports, 0

    def choose_one_that_is_taken(wanted: tuple[int, int, int]) -> tuple[int, int, int]:
        nonlocal asked
        asked += 1
        chosen = list(choose(wanted))
        if asked == 1:
            chosen[which] = theirs
        return chosen[0], chosen[1], chosen[2]

    monkeypatch.setattr(triton_process, "choose_ports", choose_one_that_is_taken)
    stub = lay_out_stub_repository(tmp_path / "stub", seconds=0)
    server = TritonServer(ServerSettings(stub, log=tmp_path / "server.log"))
    watched = Watched(server, SupervisionSettings(restarts=RestartPolicy(limit=1, first_delay_s=0.1)))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        theirs = taken.getsockname()[1]
        watched.supervisor.start()
        try:
            reason = watched.wait_for_restart(0).last_reason
        finally:
            watched.stop()
    assert f"another program took port {theirs} while it was loading" in reason
