"""Phases of a supervised server, and what the load balancer's health check makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from faceswap_server.runpod.load_balancer import ping_status
from faceswap_server.supervision import Phase, ServerState
from faceswap_server.supervision.state import StateFile, read_state

FIRST, AGAIN = ServerState(), ServerState().moved(Phase.HEALTHY)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (FIRST, 204),
        (FIRST.moved(Phase.RESTARTING, "a step died while it was loading"), 204),
        (FIRST.moved(Phase.HEALTHY), 200),
        (AGAIN.moved(Phase.RESTARTING, "tritonserver died"), 503),
        (AGAIN.moved(Phase.RESTARTING).moved(Phase.HEALTHY), 200),
        (FIRST.moved(Phase.STOPPING), 503),
        (AGAIN.moved(Phase.STOPPING), 503),
        (FIRST.moved(Phase.FAILED, "it did not help"), 503),
    ],
)
def test_ping_tells_a_cold_start_from_a_failure(state: ServerState, status: int) -> None:
    assert ping_status(state) == status


def test_a_state_remembers_its_reason_its_restarts_and_that_it_was_healthy() -> None:
    state = AGAIN.moved(Phase.RESTARTING, "it died").moved(Phase.RESTARTING, restarted=True).moved(Phase.HEALTHY)
    assert (state.phase, state.restarts, state.last_reason, state.was_healthy) == (Phase.HEALTHY, 1, "it died", True)
    assert not FIRST.moved(Phase.RESTARTING).was_healthy


def test_the_state_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "folder" / "state.json", lambda: {"http": "http://127.0.0.1:1"})
    file.write(AGAIN.moved(Phase.RESTARTING, "it died"))
    found = read_state(file.path)
    assert found is not None
    assert (found.phase, found.last_reason, found.http) == (Phase.RESTARTING, "it died", "http://127.0.0.1:1")
    file.path.write_text('{"phase": "asleep"}')
    assert read_state(file.path) is None
    assert read_state(tmp_path / "none") is None
