"""What `make chaos` is made of: callers who notice everything, and a report that cannot overlook a loss."""

from __future__ import annotations

import io
import socket
import threading
from collections import Counter
from pathlib import Path

import pytest
from faceswap_server.triton import TritonServer
from faceswap_tools.benchmarks.targets import at_most
from faceswap_tools.chaos import callers as callers_module
from faceswap_tools.chaos.callers import ANSWERED, Callers
from faceswap_tools.chaos.incident import Incident, incident_table
from faceswap_tools.chaos.starting import failed_starts
from rich.console import Console


def test_callers_keep_calling_and_count_what_they_saw(server: TritonServer) -> None:
    with Callers(server.grpc_address, 3) as callers:
        callers.wait_for_answers(6)
    assert set(callers.outcomes) == {ANSWERED}
    assert callers.outcomes[ANSWERED] == len(callers.calls) >= 6
    assert all(call.ended > call.began for call in callers.calls)
    assert callers.lost == 0


def test_a_caller_whom_nobody_answers_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers_module, "DEADLINE_SECONDS", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # takes connections and says nothing
        with Callers(f"http://127.0.0.1:{silent.getsockname()[1]}", 1) as callers:
            for _ in range(1200):
                if callers.calls:
                    break
                threading.Event().wait(0.05)
    assert callers.lost >= 1


def test_nobody_there_is_an_error_and_not_a_loss() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with Callers(address, 1) as callers, pytest.raises(TimeoutError, match="fewer than 1 answers"):
            callers.wait_for_answers(1, seconds=3.0)
    assert set(callers.outcomes) == {"CONNECTION_FAILED"}
    assert callers.lost == 0


@pytest.mark.parametrize(("lost", "bound_kept"), [(0, True), (1, True), (0, False)])
def test_the_report_says_what_was_lost_and_what_was_broken(lost: int, bound_kept: bool) -> None:
    number = at_most("an act: refusals", 10.0 if bound_kept else 99.0, 0.0, "ms", 50.0)
    incident = Incident("an act", Counter({ANSWERED: 5, "SERVER_BUSY": 2}), lost, 3.25, (number,))
    rows = incident.all_rows()
    assert [row.name for row in rows] == [
        "an act: accepted requests lost",
        "an act: until swaps work again",
        "an act: refusals",
    ]
    assert any(row.ok is False for row in rows) is (lost > 0 or not bound_kept)
    written = io.StringIO()
    Console(file=written, width=200).print(incident_table([incident]))
    text = written.getvalue()
    assert "5 answered, 2 SERVER_BUSY" in text
    assert "3.2 s" in text
    assert ("refusals" in text) is not bound_kept


def test_starts_that_must_fail_say_why_in_one_line(
    offline_repository: Path, server: TritonServer, tmp_path: Path
) -> None:
    assert server.is_running()
    incidents = failed_starts(offline_repository, tmp_path)
    assert len(incidents) >= 3
    for incident in incidents:
        assert [row for row in incident.all_rows() if row.ok is False] == [], incident
