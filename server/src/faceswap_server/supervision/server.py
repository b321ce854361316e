"""Protocol for restartable servers: what a supervisor needs of the server it supervises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from faceswap_server.triton.drain import Stopped


class RestartableServer(Protocol):
    """A tritonserver on loopback that may be started again after it has stopped or died, and keeps its ports then."""

    @property
    def pid(self) -> int:
        """Process id of tritonserver; raises SetupError when it is not running."""

    @property
    def http_url(self) -> str:
        """http://HOST:PORT."""

    @property
    def grpc_address(self) -> str:
        """HOST:PORT."""

    @property
    def drain_timeout_s(self) -> float:
        """Seconds that requests in flight get in a graceful stop."""

    def start(self, on_model_ready: Callable[[int], None] | None = None) -> None:
        """Starts it and returns when every model is ready; nothing is left of a start that failed.

        Args:
            on_model_ready: called now and then with the number of models loaded so far, 0 where that is not known;
                what it raises ends the start.

        Raises:
            SetupError: it cannot start on this machine as it is.
            ServerStartError: it ended or was not ready in time; `may_pass` says whether a retry can succeed.
        """

    def is_running(self) -> bool:
        """Whether tritonserver is alive; says nothing about its steps."""

    def wait(self) -> int:
        """Waits until tritonserver ends by itself; returns its exit code."""

    def stop(self, drain_s: float | None = None, *, broken: bool = False) -> Stopped:
        """Stops it, requests in flight first, with every process and region; idempotent.

        Args:
            drain_s: how long requests in flight may take; by default `drain_timeout_s`.
            broken: a part of it has died; it is killed instead of asked to end.
        """

    def kill(self) -> None:
        """Kills tritonserver at once, from any thread or signal handler; `stop` cleans up after it."""
