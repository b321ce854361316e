"""A server under a supervisor of this process."""

from __future__ import annotations

import time

from faceswap_tools.supervision import Phase, Supervisor

PATIENCE_S = 60.0


def wait_until_healthy(supervisor: Supervisor, restarts: int) -> None:
    """Until it is healthy after so many restarts."""
    deadline = time.monotonic() + PATIENCE_S
    while (state := supervisor.state()).phase is not Phase.HEALTHY or state.restarts < restarts:
        assert time.monotonic() < deadline, state
        assert state.phase is not Phase.FAILED, state
        time.sleep(0.02)
