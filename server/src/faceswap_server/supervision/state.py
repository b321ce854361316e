"""The state of a supervised server: an immutable value, and the same as a JSON file."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Protocol

logger = logging.getLogger(__name__)


class Phase(str, Enum):
    """Lifecycle phase of a supervised server."""

    STARTING = "starting"  # loading, for the first time
    HEALTHY = "healthy"  # the last probe found it working
    RESTARTING = "restarting"  # it failed; requests that can finish do, then it is started again
    STOPPING = "stopping"  # asked to stop; accepted requests finish
    STOPPED = "stopped"
    FAILED = "failed"  # starting it again did not help


@dataclass(frozen=True, slots=True)
class ServerState:
    """A snapshot of a supervised server.

    Attributes:
        phase: its lifecycle phase.
        restarts: how often it has been started again since the supervisor began.
        crashes: how often it has failed after it had been ready.
        last_reason: why it failed last, in one line; empty while nothing has.
        changed_at: when it entered this phase, in seconds since 1970.
        was_healthy: whether it has been healthy since the supervisor began.
    """

    phase: Phase = Phase.STARTING
    restarts: int = 0
    crashes: int = 0
    last_reason: str = ""
    changed_at: float = 0.0
    was_healthy: bool = False

    @property
    def takes_requests(self) -> bool:
        """Whether the server accepts requests now."""
        return self.phase is Phase.HEALTHY

    @property
    def is_first_start(self) -> bool:
        """Whether it loads for the first time, restarts of a start that failed included."""
        return self.phase in (Phase.STARTING, Phase.RESTARTING) and not self.was_healthy

    def moved(self, phase: Phase, reason: str = "", *, restarted: bool = False, crashed: bool = False) -> ServerState:
        """The state after a change of phase, now; a reason replaces the last one."""
        return replace(
            self,
            phase=phase,
            restarts=self.restarts + restarted,
            crashes=self.crashes + crashed,
            last_reason=reason or self.last_reason,
            changed_at=time.time(),
            was_healthy=self.was_healthy or phase is Phase.HEALTHY,
        )


class SupervisedServer(Protocol):
    """What an HTTP server in the same process needs of the supervisor."""

    def state(self) -> ServerState:
        """The current state; never blocks."""

    def report_failure(self, reason: str) -> float:
        """Reports an error that the request did not cause: the server is probed at once. Never blocks.

        Returns the time (monotonic), for `verified`.
        """

    def verified(self, since: float) -> bool:
        """Whether the server was probed after a failure reported at that time, and was not restarted."""


@dataclass(frozen=True, slots=True)
class WrittenState:
    """What a state file says to a process that reads it."""

    phase: Phase
    last_reason: str
    http: str  # http://HOST:PORT


def read_state(path: Path) -> WrittenState | None:
    """The state in the file, or None where there is none or it is not valid."""
    try:
        found = json.loads(path.read_text())
        return WrittenState(Phase(found["phase"]), str(found["last_reason"]), str(found["http"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class StateFile:
    """Writes the state, and where the server listens, to a JSON file."""

    def __init__(self, path: Path, addresses: Callable[[], dict[str, str]]) -> None:
        """`addresses` says where the server listens, which is known once it has started."""
        self.path = path
        self._addresses = addresses
        self._complained = False

    def write(self, state: ServerState) -> None:
        """Replaces the file atomically.

        A file that cannot be written is logged once and does not end the server.
        """
        text = json.dumps({**asdict(state), **self._addresses(), "supervisor_pid": os.getpid()}, indent=1)
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(text + "\n")
            scratch.replace(self.path)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            if not self._complained:
                logger.warning("the state cannot be written to %s (%s)", self.path, error.strerror)
            self._complained = True
