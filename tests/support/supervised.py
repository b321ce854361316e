"""A server under a supervisor of this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from faceswap_server.supervision import Phase, RestartableServer, ServerState, SupervisionSettings, Supervisor

PATIENCE_S = 90.0


Server = TypeVar("Server", bound=RestartableServer)


class Watched(Generic[Server]):
    """A supervisor and the states it went through."""

    def __init__(self, server: Server, settings: SupervisionSettings) -> None:
        self.server = server
        self.states: list[ServerState] = []
        self.supervisor = Supervisor(server, settings, self.states.append)

    def wait_for(self, wanted: Callable[[ServerState], bool]) -> ServerState:
        """Until the state is as wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while not wanted(state := self.supervisor.state()):
            assert time.monotonic() < deadline, f"still {state}"
            assert state.phase is not Phase.FAILED, state.last_reason
            time.sleep(0.02)
        return state

    def wait_for_restart(self, before: int) -> ServerState:
        """Until it is healthy again after a failure."""
        return self.wait_for(lambda state: state.phase is Phase.HEALTHY and state.restarts > before)

    def stop(self) -> None:
        """Ends it, in order."""
        self.supervisor.request_stop()
        assert self.supervisor.wait(PATIENCE_S) is not None
