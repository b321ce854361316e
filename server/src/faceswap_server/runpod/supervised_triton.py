"""The worker's supervised Triton; ends the worker once the restart limit is reached."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import threading
import time

from faceswap_server.exit_codes import ExitCode
from faceswap_server.runpod import readiness
from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.runpod.shutdown import Shutdown
from faceswap_server.supervision import (
    Outcome,
    RestartableServer,
    RestartPolicy,
    ServerState,
    SupervisionSettings,
    Supervisor,
)
from faceswap_server.supervision.state import StateFile
from faceswap_server.supervision.swap_probe import NotReady

logger = logging.getLogger(__name__)

LAST_WORDS_SECONDS = 10.0
"""Grace period after the last restart, in which jobs in flight are answered with an error before the process ends."""
FAILURE_DRAIN_SECONDS = 1.0
"""Drain time of a server that has lost a process; requests that do not finish are retried (`SwapRetrier`)."""


class SupervisedTriton:
    """A server under a supervisor; its state is written for the container's health check and read by the job loop."""

    def __init__(self, server: RestartableServer, settings: WorkerSettings, shutdown: Shutdown) -> None:
        self.server = server
        self._settings = settings
        self._shutdown = shutdown
        self._file = None
        if settings.state_file is not None:
            self._file = StateFile(settings.state_file, lambda: {"http": server.http_url})
        supervision = SupervisionSettings(
            failure_drain_s=FAILURE_DRAIN_SECONDS, restarts=RestartPolicy(limit=settings.restarts)
        )
        self.supervisor = Supervisor(
            server, supervision, self._changed, lambda: readiness.prove(server.http_url, settings)
        )
        self._thread = threading.Thread(target=self._end_with_it, name="end-with-server", daemon=True)

    @property
    def state(self) -> ServerState:
        """The server's state now; never blocks."""
        return self.supervisor.state()

    def start(self) -> None:
        """Starts the supervisor; does not block."""
        self._changed(self.supervisor.state())
        self.supervisor.start()
        self._thread.start()

    def wait_until_ready(self) -> bool:
        """Blocks until the server is ready (True) or shutdown has begun (False)."""
        # polled, not an event: a signal handler that sets an event can deadlock on a lock that its own thread holds
        while not self.state.takes_requests and self._shutdown.code is None:
            time.sleep(0.02)
        return self._shutdown.code is None

    def check_fitness(self) -> None:
        """Fitness check: a swap works; waits for a server that is being restarted.

        Raises:
            NotReady: no swap works, and the supervisor found the server healthy.
        """
        while self.wait_until_ready():
            if self._is_fit():
                return
        # the worker is ending and has logged why; the SDK must not end it first with its own exit code
        time.sleep(LAST_WORDS_SECONDS)

    def stop(self) -> None:
        """Stops the server gracefully; a permanent failure of the server during the stop becomes the exit code."""
        self.supervisor.request_stop()
        outcome = self.supervisor.wait()
        if outcome is not None and not _ended_well(outcome):
            self._shutdown.fail(_exit_code(outcome))

    def _is_fit(self) -> bool:
        """Whether a swap works; False when it does not and the supervisor restarts the server."""
        try:
            readiness.check(self.server.http_url, self._settings)
        except NotReady as error:
            since = self.supervisor.report_failure(str(error))
            while self.state.takes_requests and not self.supervisor.verified(since):
                time.sleep(0.02)
            if self.state.takes_requests:
                raise
            return False
        return True

    def _changed(self, state: ServerState) -> None:
        if self._file is not None:
            self._file.write(state)

    def _end_with_it(self) -> None:
        outcome = self.supervisor.wait()
        if outcome is None or _ended_well(outcome):
            return
        code = _exit_code(outcome)
        logger.error("exit code %d, %s: %s", code, code.server_meaning, outcome.message)
        logger.error("what to do: %s", code.remedy)
        if self._shutdown.code is not None:  # it is stopping already
            return
        self._shutdown.begin(code)
        time.sleep(LAST_WORDS_SECONDS)
        end_now(code)


def _ended_well(outcome: Outcome) -> bool:
    # requests lost in the drain show up as failed jobs
    return outcome.code in (ExitCode.STOPPED, ExitCode.DRAIN_TIMED_OUT)


def _exit_code(outcome: Outcome) -> ExitCode:
    # 10 is for a person at a terminal (`serve`); in a container it is a server that never became ready
    return ExitCode.SERVER_FAILED if outcome.code is ExitCode.CANNOT_START else outcome.code


def end_now(code: ExitCode) -> None:
    """Ends the process immediately and kills its children: the SDK's heartbeat process must not outlive it."""
    for child in multiprocessing.active_children():
        child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
