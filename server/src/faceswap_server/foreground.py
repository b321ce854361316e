"""Runs a supervised Triton and its HTTP front in the foreground: `faceswap serve`, and the container's `MODE=serve`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from faceswap_server.http import FrontServer, Upstream, checked_front
from faceswap_server.stop_signals import stop_signals
from faceswap_server.supervision import Outcome, Phase, SupervisionSettings, Supervisor
from faceswap_server.supervision.state import StateFile
from faceswap_server.triton import ServerSettings, TritonServer
from faceswap_server.triton.shared_memory import check_shared_memory

POLL_SECONDS = 0.1
"""Between two questions whether the supervisor has ended."""


@dataclass(frozen=True, slots=True)
class ForegroundSettings:
    """What runs in the foreground.

    Attributes:
        server: the tritonserver.
        state_file: JSON file with the server's state, for other processes.
        supervision: times and limits of the supervisor.
        listen: IP-ADDRESS:PORT of the HTTP front; None for no front.
        token_file: file with the token that callers of the front must send; else FACESWAP_TOKEN holds it.
    """

    server: ServerSettings
    state_file: Path
    supervision: SupervisionSettings = field(default_factory=SupervisionSettings)
    listen: str | None = None
    token_file: Path | None = None


class Foreground:
    """A supervised server and its front, not started yet; `run` blocks until a signal or their end.

    Args:
        settings: what runs.
        prove: raises NotReady unless a server at this URL that has loaded everything works; by default one swap.

    Raises:
        SetupError: the machine, the address, the token or a setting cannot be used; nothing has been started.
    """

    def __init__(self, settings: ForegroundSettings, prove: Callable[[str], None] | None = None) -> None:
        self.settings = settings
        self.advice = check_shared_memory()
        self.server = server = TritonServer(settings.server)
        self.supervisor = Supervisor(
            server,
            settings.supervision,
            StateFile(settings.state_file, self.addresses).write,
            None if prove is None else lambda: prove(server.http_url),
        )
        upstream = Upstream(lambda: server.http_url, lambda: server.metrics_url, lambda: server.grpc_address)
        self.front: FrontServer | None = checked_front(settings.listen, settings.token_file, upstream, self.supervisor)
        if self.front is not None:
            self.front.start()  # before Triton: it says 503 while the server loads, and a taken port costs no wait

    def addresses(self) -> dict[str, str]:
        """Where Triton listens, by protocol."""
        server = self.server
        return {"http": server.http_url, "grpc": server.grpc_address, "metrics": server.metrics_url}

    def run(self, on_ready: Callable[[], None] = lambda: None) -> Outcome:
        """Starts the server and supervises it until a signal (`stop_signals`) or its end; a second one ends it at once.

        Args:
            on_ready: called once, when the first start has been proved.
        """
        before = {number: signal.signal(number, self._stop) for number in stop_signals()}
        try:
            return self._run(on_ready)
        finally:
            if self.front is not None:
                self.front.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(self, on_ready: Callable[[], None]) -> Outcome:
        supervisor, outcome, was_ready = self.supervisor, None, False
        supervisor.start()
        while outcome is None:
            outcome = supervisor.wait(POLL_SECONDS)
            if not was_ready and supervisor.state().phase is Phase.HEALTHY:
                was_ready = True
                on_ready()
        return outcome

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        # a terminal that closes may say so twice, the shell and the kernel: that is no impatience
        if self.supervisor.state().phase is Phase.STOPPING and number != signal.SIGHUP:
            self.supervisor.kill()
        self.supervisor.request_stop()
