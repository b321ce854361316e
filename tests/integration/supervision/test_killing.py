"""Parts of a server killed while it works: callers get an error, never silence, and soon swaps work again."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path

import httpx
import pytest
from faceswap_server.supervision import Phase
from faceswap_server.supervision.health_judge import STALLED_PROBES, STRUGGLING_PROBES
from faceswap_server.triton import TritonServer
from faceswap_server.triton.stub_processes import StubProcess, find_stubs, process_has_ended
from faceswap_tools.chaos.killing import (
    NothingToKill,
    family,
    kill_server,
    kill_stub,
    seconds_to_recover,
    shared_memory_regions,
)
from support.callers import TIMEOUT_S, Callers
from support.supervised import PATIENCE_S, Watched


@pytest.mark.parametrize(
    ("victim", "reason"),
    [
        ("align_faces", "the process of align_faces_0_0 died"),
        ("det_10g", "the process of det_10g_0_0 died"),
        ("tritonserver", "tritonserver was ended by signal 9 (SIGKILL)"),
    ],
)
def test_a_killed_part_is_noticed_and_replaced(victim: str, reason: str, watched: Watched[TritonServer]) -> None:
    """A Python step, a network, the whole server."""
    server, before, began = watched.server, watched.supervisor.state(), len(watched.states)
    ports = (server.http_port, server.grpc_port, server.metrics_port)
    pid, old, old_regions, buffers = server.pid, family(server.pid), regions_of(server.pid), server.buffers
    assert buffers.is_dir()
    assert len(old_regions) == len(find_stubs(pid)) > 0
    with Callers([server.grpc_address, server.grpc_address, server.http_url, server.http_url]) as callers:
        callers.wait_for_answers(8)
        if victim == "tritonserver":
            kill_server(pid)
        else:
            assert kill_stub(pid, victim).model == victim
        after = watched.wait_for_restart(before.restarts)
        well = callers.kinds()["answered"]
        callers.wait_for_answers(well + 8)
    # nobody waited in vain: every request has an answer or an error of ours, well before its deadline
    assert not callers.unexpected
    assert callers.asked == len(callers.answers)
    assert set(callers.kinds()) <= {"answered", "ServerError", "ServerBusy", "ConnectionFailed"}
    assert max(answer.seconds for answer in callers.answers) < TIMEOUT_S - 5
    assert sum(callers.kinds().values()) > callers.kinds()["answered"], "somebody noticed"
    # what the supervisor says of it
    assert [state.phase for state in watched.states[began:]] == [Phase.RESTARTING, Phase.HEALTHY]
    assert (after.restarts, after.crashes) == (before.restarts + 1, before.crashes + 1)
    assert after.last_reason == reason
    # the same addresses, and nothing left of the old server
    assert (server.http_port, server.grpc_port, server.metrics_port) == ports
    assert seconds_to_recover(server.http_url, in_a_row=4) < TIMEOUT_S
    assert all(process_has_ended(process) for process in old)
    assert not shared_memory_regions(os.getpid()) & old_regions
    assert not buffers.exists()
    starts = f'faceswap_server_starts{{kind="again"}} {after.restarts}'
    deadline = time.monotonic() + 5  # gauges are set once a second
    while starts not in httpx.get(server.metrics_url, trust_env=False, timeout=TIMEOUT_S).text:
        assert time.monotonic() < deadline, starts
        time.sleep(0.1)


def regions_of(server_pid: int) -> set[Path]:
    """Shared-memory regions of one server: each stub was told the name of its own."""
    told = {argument for stub in find_stubs(server_pid) for argument in stub.process.cmdline()}
    return {region for region in shared_memory_regions(os.getpid()) if region.name in told}


def test_a_server_that_hangs_is_found_by_a_swap(watched: Watched[TritonServer]) -> None:
    """All its processes are there."""
    before, pid = watched.supervisor.state().restarts, watched.server.pid
    stuck = family(pid)
    for process in stuck:
        process.suspend()
    after = watched.wait_for_restart(before)
    probes = re.search(r"no swap has worked in (\d+) probes", after.last_reason)
    assert probes, after.last_reason
    assert STALLED_PROBES <= int(probes[1]) < STRUGGLING_PROBES, "what it did before may count as work once"
    assert all(process_has_ended(process) for process in stuck)


def test_a_network_that_triton_loads_again_is_not_taken_for_a_dead_one(
    watched: Watched[TritonServer], repository: Path
) -> None:
    """It is enough that somebody touches the file: its ctime changes."""
    network, restarts = repository / "det_10g" / "1" / "model.onnx", watched.supervisor.state().restarts
    old = the_only_stub_of("det_10g", watched)
    status = network.stat()
    os.utime(network, ns=(status.st_atime_ns, status.st_mtime_ns))
    deadline = time.monotonic() + PATIENCE_S
    while not old.has_ended() or len(stubs_of("det_10g", watched)) != 1:
        assert time.monotonic() < deadline, "Triton did not load it again"
        time.sleep(0.02)
    time.sleep(1.0)
    assert (watched.supervisor.state().phase, watched.supervisor.state().restarts) == (Phase.HEALTHY, restarts)
    kill_stub(watched.server.pid, "det_10g")  # the new one is watched as well
    assert watched.wait_for_restart(restarts).last_reason == "the process of det_10g_0_0 died"


def stubs_of(model: str, watched: Watched[TritonServer]) -> list[StubProcess]:
    return [stub for stub in find_stubs(watched.server.pid) if stub.model == model and not stub.has_ended()]


def the_only_stub_of(model: str, watched: Watched[TritonServer]) -> StubProcess:
    """When there is one alone: a network that is loaded again has two for a moment."""
    deadline = time.monotonic() + PATIENCE_S
    while len(stubs := stubs_of(model, watched)) != 1:
        assert time.monotonic() < deadline, stubs
        time.sleep(0.02)
    return stubs[0]


def test_there_must_be_something_to_kill(watched: Watched[TritonServer]) -> None:
    the_only_stub_of("det_10g", watched)
    with pytest.raises(NothingToKill, match="model 'none' of process"):
        kill_stub(watched.server.pid, "none")
    with pytest.raises(NothingToKill, match="has 1 stubs, no number 1"):
        kill_stub(watched.server.pid, "det_10g", 1)
    assert seconds_to_recover(watched.server.grpc_address) < TIMEOUT_S, "nothing was killed"


def test_a_suspicion_is_looked_into_and_a_working_server_left_alone(
    watched: Watched[TritonServer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "faceswap_server.supervision")
    pid, restarts = watched.server.pid, watched.supervisor.state().restarts
    for _ in range(50):
        since = watched.supervisor.report_failure("a caller met an error")
    assert not watched.supervisor.verified(since)
    deadline = time.monotonic() + PATIENCE_S
    while "examining the server: a caller met an error" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while not watched.supervisor.verified(since):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert seconds_to_recover(watched.server.http_url) < TIMEOUT_S
    assert (watched.server.pid, watched.supervisor.state().restarts) == (pid, restarts)
    assert watched.supervisor.state().takes_requests
