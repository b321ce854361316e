"""The open-loop load generator and perf_analyzer's input, without a server."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import struct
import time
from pathlib import Path

import pytest
from faceswap_client import FaceError, ServerBusy
from faceswap_tools.load.__main__ import check_loopback, checked_rates
from faceswap_tools.load.curve import draw_curve, outcome_table
from faceswap_tools.load.open_loop import Arrivals, Outcome, arrival_times, offer
from faceswap_tools.load.perf_input import main as perf_input
from PIL import Image


def test_poisson_arrivals_have_the_rate_and_the_spread_of_a_poisson_process() -> None:
    times = list(arrival_times(100.0, 100.0, Arrivals.POISSON, seed=1))
    gaps = [after - before for before, after in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert mean == pytest.approx(0.01, rel=0.05)
    assert variance**0.5 == pytest.approx(mean, rel=0.05)  # exponential: standard deviation equals mean
    assert times == list(arrival_times(100.0, 100.0, Arrivals.POISSON, seed=1))


def test_uniform_arrivals_are_a_clock() -> None:
    assert list(arrival_times(4.0, 1.1, Arrivals.UNIFORM, seed=0)) == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_latency_counts_from_when_a_request_was_due_even_if_it_was_sent_late() -> None:
    held_up = False

    async def call() -> None:
        nonlocal held_up
        if not held_up:
            held_up = True
            time.sleep(0.08)  # the generator itself is stuck: requests 2 and 3 go out late

    outcome = asyncio.run(offer(call, 100.0, seconds=0.035, arrivals=Arrivals.UNIFORM))
    assert outcome.sent == 3
    assert min(outcome.latencies_ms) >= 55.0
    assert outcome.late_ms >= 55.0


def test_arrivals_do_not_wait_for_answers() -> None:
    answered = asyncio.Event()

    async def run() -> Outcome:
        started = 0

        async def call() -> None:
            nonlocal started
            started += 1
            if started == 5:
                answered.set()
            await answered.wait()  # nobody is answered before all five are under way

        return await offer(call, 50.0, seconds=0.11, arrivals=Arrivals.UNIFORM)

    outcome = asyncio.run(run())
    assert outcome.sent == len(outcome.latencies_ms) == 5
    assert max(outcome.latencies_ms) >= 60.0  # the first waited for the fifth, due 80 ms later


def test_refusals_and_failures_are_told_apart_from_answers() -> None:
    fates = iter([None, ServerBusy("full"), FaceError("none", code="NO_FACE_IN_TARGET"), None])

    async def call() -> None:
        fate = next(fates)
        if fate is not None:
            raise fate

    outcome = asyncio.run(offer(call, 40.0, seconds=0.11, arrivals=Arrivals.UNIFORM))
    assert (len(outcome.latencies_ms), outcome.refused, outcome.failures) == (2, 1, {"NO_FACE_IN_TARGET": 1})
    assert outcome.goodput == pytest.approx(2 / outcome.seconds)


def test_a_fault_of_the_program_is_not_counted_but_an_unbounded_backlog_is() -> None:
    async def run() -> Outcome:
        waiting = asyncio.Event()
        asyncio.get_running_loop().call_later(3.0, waiting.set)  # long after the last is due
        return await offer(waiting.wait, 100.0, seconds=0.095, arrivals=Arrivals.UNIFORM, most_waiting=3)

    outcome = asyncio.run(run())
    assert outcome.sent == 3
    assert outcome.failures == {"GENERATOR_FULL": 6}


@pytest.mark.parametrize(("rate", "seconds"), [(0.0, 1.0), (1.0, 0.0), (1.0, 301.0), (-1.0, 1.0)])
def test_a_run_is_bounded(rate: float, seconds: float) -> None:
    async def call() -> None:
        return None

    with pytest.raises(ValueError, match="is not allowed"):
        asyncio.run(offer(call, rate, seconds=seconds))


@pytest.mark.parametrize("address", ["127.0.0.1:8001", "localhost:8001", "http://127.0.0.1:8000", "[::1]:8001"])
def test_this_machine_may_be_loaded(address: str) -> None:
    check_loopback(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1:8001", "example.org:8001", "http://192.168.1.2:8000", "0.0.0.0:8001", ""]
)
def test_no_other_machine_is_loaded(address: str) -> None:
    with pytest.raises(ValueError, match="not on this machine"):
        check_loopback(address)


def test_rates_are_a_list_of_numbers() -> None:
    assert checked_rates("8,1,2.5") == [1.0, 2.5, 8.0]
    for wrong in ("", "1,two", "0,1", "1,-2", "nan", "1001", ",".join("1" * 21)):
        with pytest.raises(ValueError, match="--rates"):
            checked_rates(wrong)


def test_the_curve_is_drawn_and_tabled_even_when_a_rate_got_no_answer(tmp_path: Path) -> None:
    outcomes = [Outcome(1.0, 10.0, 10, [5.0] * 10), Outcome(4.0, 10.0, 40, [], refusals_ms=[1.0] * 40)]
    draw_curve(outcomes, tmp_path / "curve.png", "title")
    with Image.open(tmp_path / "curve.png") as image:
        colours = {colour for _, colour in image.getcolors(1 << 20) or []}
    assert {(31, 105, 178), (190, 40, 40), (60, 140, 60)} <= colours  # answered, refused, p50
    assert outcome_table(outcomes).row_count == 2


def test_perf_input_is_what_perf_analyzer_reads(tmp_path: Path) -> None:
    images = {"source": b"\xff\xd8source", "one": b"first", "two": b"second target"}
    for name, content in images.items():
        (tmp_path / name).write_bytes(content)
    output = tmp_path / "perf.json"
    assert perf_input([*(str(tmp_path / name) for name in images), "-o", str(output)]) == 0
    entries = json.loads(output.read_text())["data"]
    assert [sorted(entry) for entry in entries] == [["SOURCE_IMAGE", "TARGET_IMAGE"]] * 2
    packed = [base64.b64decode(entry["TARGET_IMAGE"]["content"]["b64"]) for entry in entries]
    assert packed == [struct.pack("<I", len(target)) + target for target in (images["one"], images["two"])]
    assert entries[0]["SOURCE_IMAGE"]["shape"] == [1]
    source = base64.b64decode(entries[0]["SOURCE_IMAGE"]["content"]["b64"])
    assert source[4:] == images["source"]


def test_perf_input_says_which_file_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert perf_input([str(tmp_path / "nothing"), str(tmp_path / "t"), "-o", str(tmp_path / "o")]) == 1
    assert capsys.readouterr().err == f"perf_input: No such file or directory: {tmp_path / 'nothing'}\n"
