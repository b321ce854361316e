"""Starts the server, proves it, warms it up, watches it, and ends the worker when it dies."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import sys
import threading
import time
from dataclasses import dataclass
from enum import Enum

from faceswap_tools.exit_codes import ExitCode
from faceswap_tools.local_server import SetupError
from faceswap_tools.runpod import readiness
from faceswap_tools.runpod.settings import WorkerSettings
from faceswap_tools.runpod.shutdown import Shutdown
from faceswap_tools.runpod.state_file import remove_state, write_state
from faceswap_tools.runpod.triton_server import ServerFailed, TritonServer
from faceswap_tools.supervision.swap_probe import NotReady, check_swap

logger = logging.getLogger(__name__)

LAST_WORDS_SECONDS = 10.0
"""After the server's death, time for jobs in flight to be answered with an error before the process ends."""
LOOK_SECONDS = 0.2


class State(Enum):
    """What the health check reports."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StartTimes:
    """Seconds each part of the start took."""

    server: float  # tritonserver: process start to all models ready
    first_swap: float
    warm_up: float


class ServerKeeper:
    """Keeps one server in a thread of its own.

    The thread lives as long as the server: the kernel ends a child that was told to die with its parent when the
    *thread* that started it ends.
    """

    def __init__(self, server: TritonServer, settings: WorkerSettings, shutdown: Shutdown) -> None:
        self.server = server
        self.state = State.LOADING
        self.times: StartTimes | None = None
        self._settings = settings
        self._shutdown = shutdown
        self._suspected = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="server-keeper", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def wait_until_ready(self) -> bool:
        """Waits until the server is ready (True), or the worker is to end (False)."""
        # plain looks instead of an event: a signal handler that sets an event can meet the lock its own thread holds
        while self.state is State.LOADING and self._shutdown.code is None:
            time.sleep(0.02)
        return self._shutdown.code is None

    def suspect(self) -> None:
        """To be called when a job met an error that is no fault of the job's: the server is examined."""
        self._suspected.set()

    def stop(self) -> None:
        """Ends the server in order."""
        remove_state(self._settings.state_file)
        self.server.stop()

    def _keep(self) -> None:
        try:
            self.times = self._start()
            write_state(self._settings.state_file, self.server.http_url)
        except (ServerFailed, SetupError) as error:
            self._fail(ExitCode.SERVER_FAILED, str(error))
            return
        except NotReady as error:
            died = not self.server.is_running()
            self._fail(ExitCode.SERVER_FAILED if died else error.code, str(error))
            return
        except Exception as error:
            logger.exception("the server could not be started")
            self._fail(ExitCode.FAILED, type(error).__name__)
            return
        self.state = State.READY
        while self.server.is_running():
            if self._suspected.wait(LOOK_SECONDS):
                self._suspected.clear()
                self._examine()
        if self._shutdown.code is None:
            self._fail(ExitCode.SERVER_FAILED, f"tritonserver ended by itself with code {self.server.wait()}")

    def _examine(self) -> None:
        """A server whose Python step has died says that it is ready and answers nothing: only a swap can tell.

        (Triton 24.10 starts no new process for a step that was killed, and reports the model as ready.)
        """
        try:
            check_swap(self.server.http_url, self._settings.request_seconds)
        except NotReady as error:
            if not error.busy and self.server.is_running():
                self._fail(ExitCode.SERVER_FAILED, str(error))

    def _start(self) -> StartTimes:
        moments = [time.monotonic()]
        self.server.start()
        moments.append(time.monotonic())
        readiness.check(self.server.http_url, self._settings)
        moments.append(time.monotonic())
        if self._settings.warm_up_swaps:
            check_swap(self.server.http_url, self._settings.request_seconds, self._settings.warm_up_swaps)
        moments.append(time.monotonic())
        server, first, warm_up = (later - earlier for earlier, later in itertools.pairwise(moments))
        logger.info("server ready: loading %.2f s, first swap %.2f s, warm-up %.2f s", server, first, warm_up)
        return StartTimes(server, first, warm_up)

    def _fail(self, code: ExitCode, reason: str) -> None:
        if self._shutdown.code is not None:  # the worker is stopping, and stopped it on purpose
            return
        self.state = State.FAILED
        remove_state(self._settings.state_file)
        logger.error("exit code %d, %s: %s", code, code.meaning, reason)
        logger.error("what to do: %s", code.remedy)
        self._shutdown.begin(code)
        time.sleep(LAST_WORDS_SECONDS)
        end_now(code)


def end_now(code: ExitCode) -> None:
    """Ends the process without asking anybody; the SDK's heartbeat must not live on alone."""
    for child in multiprocessing.active_children():
        child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
