"""Health probes of a running server: what `HealthWatch` observes; the verdicts are tests/unit/server's."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
from faceswap_client import Client, FaceSwapError
from faceswap_server.supervision.answer_count import Answers, answered
from faceswap_server.supervision.health import WORKING_CORES, HealthWatch
from faceswap_server.supervision.health_judge import STALLED_PROBES, STRUGGLING_PROBES, HealthJudge, Verdict
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton import ServerSettings, TritonServer
from faceswap_server.triton.stub_processes import find_stubs
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.callers import Callers
from support.crowded_core import crowded_core


@contextmanager
def stub_server(tmp_path: Path, seconds: float, *, swapped: bool = True) -> Iterator[TritonServer]:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=seconds, swapped=swapped)
    with TritonServer(ServerSettings(repository, log=tmp_path / "server.log")) as server:
        yield server


def test_traffic_that_succeeds_spares_the_swap(tmp_path: Path) -> None:
    with stub_server(tmp_path, 0.01) as server, Client(server.grpc_address, remember_sources=0) as client:
        watch = HealthWatch(server.http_url, server.pid, timeout_s=30)
        for swaps in range(1, 4):
            client.swap(probe_image(), probe_image())
            assert watch.probe() == Verdict()
            assert answered(server.http_url) == Answers(swaps, swaps), "no swap of ours"
        assert watch.probe() == Verdict()
        assert answered(server.http_url) == Answers(4, 4), "nobody asked meanwhile: one of ours"
        assert watch.probe() == Verdict()
        assert answered(server.http_url) == Answers(5, 5), "our own swap is not taken for traffic"
        client.swap(probe_image(), probe_image())
        assert watch.probe(suspicious=True) == Verdict()
        assert answered(server.http_url) == Answers(7, 7), "a suspicion wants one of ours all the same"


def test_a_busy_server_is_not_a_broken_one(tmp_path: Path) -> None:
    """Each probe's swap waits behind six others, four times as long as it may."""
    with stub_server(tmp_path, 0.3) as server, Callers([server.http_url] * 6) as callers:
        callers.wait_for_answers(2)
        watch = HealthWatch(server.http_url, server.pid, timeout_s=0.5)
        assert [watch.probe(suspicious=True) for _ in range(4)] == [Verdict()] * 4
    assert not callers.unexpected
    assert callers.kinds().keys() == {"answered"}


def test_a_swap_that_fails_twice_is_a_failure(tmp_path: Path) -> None:
    with stub_server(tmp_path, 0.01, swapped=False) as server:
        watch = HealthWatch(server.http_url, server.pid, timeout_s=30)
        assert watch.probe() == Verdict(probe_again=True)
        assert watch.probe() == Verdict("no face was swapped in the built-in image")


def test_without_an_answer_three_probes_are_enough_when_nothing_runs_and_not_when_something_does(
    tmp_path: Path,
) -> None:
    with stub_server(tmp_path, 60) as server:
        watch = HealthWatch(server.http_url, server.pid, timeout_s=1)
        verdicts = list(takewhile(lambda verdict: verdict.failure is None, iter(watch.probe, None)))
        # more than three on a machine where others leave it so little that these probes themselves are work
        assert STALLED_PROBES <= len(verdicts) + 1 < STRUGGLING_PROBES
        assert set(verdicts) == {Verdict()}
        failure = watch.probe().failure
        assert failure is not None
        assert re.match(r"no swap has worked in \d+ probes: a swap of the built-in image failed: DEADLINE", failure)
        server.kill()
    work_for_ever(tmp_path / "stub")
    with TritonServer(ServerSettings(tmp_path / "stub", log=tmp_path / "server.log")) as server:
        watch = HealthWatch(server.http_url, server.pid, 0.3, HealthJudge(struggling=6))
        assert [watch.probe() for _ in range(5)] == [Verdict()] * 5
        assert "in 6 probes" in (watch.probe().failure or "")
        server.kill()


def test_callers_who_want_no_swap_and_are_answered_keep_the_server_from_being_called_hung(
    repository: Path, tmp_path: Path, group: Path
) -> None:
    """24 callers, two in flight: a probe is refused as one too many. Half want analyses, half send no face."""
    few = {"FACESWAP_MAX_IN_FLIGHT": "2"}
    settings = ServerSettings(repository, log=tmp_path / "server.log", environment=few)
    with TritonServer(settings) as server, analysing(server.grpc_address, group, 24):
        watch = HealthWatch(server.http_url, server.pid, timeout_s=5, judge=HealthJudge(stalled=3, struggling=3))
        seen = []
        until = time.monotonic() + 20
        while time.monotonic() < until:
            time.sleep(1)
            seen.append(watch.probe())
        assert set(seen) == {Verdict()}
        after = answered(server.http_url)
        assert after is not None
        assert after.of_any_kind > after.swaps + 20, "the callers were answered"


@contextmanager
def analysing(address: str, image: Path, callers: int) -> Iterator[None]:
    """Callers of `face_analysis`, and of `face_swap` with a target without a face."""
    ended = threading.Event()
    grey = cv2.imencode(".png", np.full((200, 300, 3), 120, np.uint8))[1].tobytes()

    def ask(number: int) -> None:
        with Client(address, timeout=30, remember_sources=0, retries=0) as client:
            while not ended.is_set():
                with suppress(FaceSwapError):
                    client.swap(probe_image(), grey) if number % 2 else client.faces(image)
                ended.wait(0.05)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def work_for_ever(stub: Path) -> None:
    step = stub / "face_swap" / "1" / "model.py"
    text = step.read_text()
    assert "time.sleep(60 * len(requests))" in text
    step.write_text(text.replace("time.sleep(60 * len(requests))", "while True: pass"))


def test_a_server_that_others_leave_no_core_is_not_a_hung_one(tmp_path: Path) -> None:
    """Its step has work to do and gets next to no time for it."""
    stub = lay_out_stub_repository(tmp_path / "stub", seconds=60)
    work_for_ever(stub)
    with TritonServer(ServerSettings(stub, log=tmp_path / "server.log")) as server:
        watch = HealthWatch(server.http_url, server.pid, timeout_s=0.5)
        watch.probe()
        (step,) = find_stubs(server.pid)
        with crowded_core(step.process, niceness=8):
            before, began = step.process.cpu_times().user, time.monotonic()
            assert [watch.probe() for _ in range(4)] == [Verdict()] * 4
            share = (step.process.cpu_times().user - before) / (time.monotonic() - began)
        assert share < WORKING_CORES, "the others are too weak to show anything"
        server.kill()


def test_a_watch_of_a_dead_server_ends(tmp_path: Path) -> None:
    with stub_server(tmp_path, 0.01) as server:
        watch = HealthWatch(server.http_url, server.pid, timeout_s=0.5)
        server.kill()
        server.wait()
        probes = threading.Thread(target=lambda: found.extend([watch.probe(), watch.probe()]), daemon=True)
        found: list[Verdict] = []
        probes.start()
        probes.join(20)
        assert "CONNECTION_FAILED" in (found[1].failure or "")
