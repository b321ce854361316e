"""Supervises one tritonserver: starts it, probes it, restarts it when it fails, and stops it gracefully."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from faceswap_server.exit_codes import ExitCode
from faceswap_server.supervision.first_swap import prove_swap
from faceswap_server.supervision.health import HealthWatch
from faceswap_server.supervision.health_judge import Verdict
from faceswap_server.supervision.restart_policy import RestartBudget, RestartPolicy
from faceswap_server.supervision.server import RestartableServer
from faceswap_server.supervision.state import Phase, ServerState
from faceswap_server.supervision.stub_watch import StubWatch
from faceswap_server.supervision.swap_probe import NotReady
from faceswap_server.triton import ServerStartError, SetupError

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.2
"""Between two checks of the processes: how long a death can go unnoticed."""
SECOND_PROBE_SECONDS = 0.5
"""From a probe that failed, or was asked for, to the next one."""


@dataclass(frozen=True, slots=True)
class SupervisionSettings:
    """Times in seconds."""

    probe_interval_s: float = 5.0  # traffic that succeeds makes the probe swap unnecessary
    probe_timeout_s: float = 20.0
    first_swap_timeout_s: float = 60.0
    failure_drain_s: float = 5.0  # what requests in flight get when a part of the server has died
    restarts: RestartPolicy = field(default_factory=RestartPolicy)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: the exit code, and one line that says why."""

    code: ExitCode
    message: str


class _StopAsked(Exception):
    """`request_stop` was called while the server was being started."""


class Supervisor:
    """Supervises a server from its own thread.

    The thread lives as long as the server: the kernel ends a child that was told to die with its parent when the
    *thread* that started it ends.
    """

    def __init__(
        self,
        server: RestartableServer,
        settings: SupervisionSettings | None = None,
        on_change: Callable[[ServerState], None] = lambda state: None,
        prove: Callable[[], None] | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            server: what is supervised.
            settings: times and limits.
            on_change: called with every new state, in the supervisor's thread.
            prove: raises NotReady unless a server that has loaded everything works; called after each start, in a
                separate thread; by default one swap.
        """
        self.server = server
        self.settings = settings or SupervisionSettings()
        self._on_change = on_change
        self._prove = prove or (lambda: prove_swap(server.http_url, self.settings.first_swap_timeout_s))
        self._state = ServerState(changed_at=time.time())
        self._outcome: Outcome | None = None
        self._suspicion = ""
        self._verified_at = -math.inf
        self._stop_asked = False
        self._stubs: StubWatch | None = None  # of the server that has loaded
        self._budget = RestartBudget(self.settings.restarts)
        self._helper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="health")
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Starts the supervisor's thread; returns at once."""
        self._thread.start()

    def state(self) -> ServerState:
        """The current state; never blocks."""
        return self._state

    def report_failure(self, reason: str) -> float:
        """Asks for a probe at once. Never blocks; may be called from any thread, any number of times.

        Returns the time (monotonic), for `verified`.
        """
        now = time.monotonic()  # before the suspicion is set: the probe it leads to begins later
        self._suspicion = reason or "a failure was reported"
        return now

    def verified(self, since: float) -> bool:
        """Whether the server was probed after a failure reported at that time, and was not restarted."""
        return self._verified_at >= since

    def request_stop(self) -> None:
        """Asks for a graceful stop. Never blocks; may be called from a signal handler."""
        self._stop_asked = True  # a plain flag: an event's lock may be held by the thread the signal interrupted

    def kill(self) -> None:
        """Ends a graceful stop at once: requests in flight are lost. May be called from a signal handler."""
        self._stop_asked = True
        self.server.kill()

    def wait(self, timeout: float | None = None) -> Outcome | None:
        """Waits for the end; None when it has not come in time."""
        self._thread.join(timeout)
        return self._outcome

    def _run(self) -> None:
        try:
            self._outcome = self._live()
        except Exception as error:  # an internal error must not leave a server without supervision
            logger.exception("the supervisor failed")
            self._outcome = Outcome(ExitCode.FAILED, f"unexpected {type(error).__name__} in the supervisor")
        finally:
            self.server.stop(0)
            self._helper.shutdown(wait=False, cancel_futures=True)
        ended_well = self._outcome.code in (ExitCode.STOPPED, ExitCode.DRAIN_TIMED_OUT)
        self._move(Phase.STOPPED if ended_well else Phase.FAILED, self._outcome.message)

    def _live(self) -> Outcome:
        failure: str | None
        was_ready = False
        try:
            self._bring_up()
        except _StopAsked:
            return Outcome(ExitCode.STOPPED, "stopped before it was ready")
        except ServerStartError as error:
            if not error.may_pass:
                return Outcome(ExitCode.CANNOT_START, str(error))
            failure = str(error)
        except SetupError as error:
            return Outcome(ExitCode.CANNOT_START, str(error))
        except NotReady as error:
            time.sleep(TICK_SECONDS)  # a dying process closes its connections before it is gone
            failure = self._dead_process()
            if failure is None:
                return Outcome(error.code, str(error))
        else:
            failure, was_ready = self._watch(), True
        while failure is not None:
            outcome = self._recover(failure, crashed=was_ready)
            if outcome is not None:
                return outcome
            failure, was_ready = self._watch(), True
        return self._stop()

    def _bring_up(self) -> None:
        """Starts the server and proves it; raises SetupError, NotReady or _StopAsked."""
        began = time.monotonic()
        self.server.start(lambda _loaded: self._leave_if_asked())
        loaded = time.monotonic()
        self._stubs = StubWatch(self.server.pid)
        proof = self._helper.submit(self._prove)
        while not proof.done():
            self._leave_if_asked()
            dead = self._dead_process()
            if dead is not None:
                raise NotReady(ExitCode.SWAP_FAILED, dead)
            time.sleep(TICK_SECONDS / 4)
        proof.result()
        logger.info("server ready: loading %.2f s, proof %.2f s", loaded - began, time.monotonic() - loaded)
        self._suspicion = ""
        self._move(Phase.HEALTHY)

    def _leave_if_asked(self) -> None:
        if self._stop_asked:
            raise _StopAsked

    def _watch(self) -> str | None:
        """Returns why the server has failed, or None when it is to stop."""
        health = HealthWatch(self.server.http_url, self.server.pid, self.settings.probe_timeout_s)
        probe: Future[Verdict] | None = None
        examined: float | None = None  # when the probe of a reported failure began
        due = time.monotonic() + self.settings.probe_interval_s
        last = time.monotonic()
        while not self._stop_asked:
            dead = self._dead_process()
            if dead is not None:
                return dead
            now = time.monotonic()
            if probe is not None and probe.done():
                verdict, probe, last = probe.result(), None, now
                if verdict.failure is not None:
                    return verdict.failure
                due = now + (SECOND_PROBE_SECONDS if verdict.probe_again else self.settings.probe_interval_s)
                if examined is not None and not verdict.probe_again:
                    self._verified_at, examined = examined, None
            suspicion = self._suspicion if now >= last + SECOND_PROBE_SECONDS else ""
            if probe is None and (suspicion or now >= due):
                if suspicion:
                    logger.info("examining the server: %s", suspicion)
                    self._suspicion = ""
                    examined = time.monotonic()
                probe = self._helper.submit(health.probe, suspicious=bool(suspicion))
            time.sleep(TICK_SECONDS)
        return None

    def _dead_process(self) -> str | None:
        if not self.server.is_running():
            return f"tritonserver {_ended_how(self.server.wait())}"
        dead = [] if self._stubs is None else self._stubs.dead()
        return f"the process of {', '.join(dead)} died" if dead else None

    def _recover(self, failure: str, *, crashed: bool) -> Outcome | None:
        """Ends what is left of the server and starts it again; an outcome when that cannot be done.

        Args:
            failure: why it is started again.
            crashed: it had been ready; else this start of it failed.
        """
        self._move(Phase.RESTARTING, failure, crashed=crashed)
        self.server.stop(self.settings.failure_drain_s, broken=True)
        delay = self._after_crash() if crashed else self._budget.after_failed_start()
        while delay is not None:
            logger.info("starting the server again in %.1f s", delay)
            try:
                self._sleep(delay)
                self._state = self._state.moved(Phase.RESTARTING, restarted=True)
                self._bring_up()
            except _StopAsked:
                return Outcome(ExitCode.STOPPED, "stopped during a restart")
            except (SetupError, NotReady) as error:
                self._move(Phase.RESTARTING, str(error))
                self.server.stop(0, broken=True)
                delay = self._budget.after_failed_start()
                continue
            return None
        starts = self.settings.restarts.limit + 1
        many = f"{starts} start{'s' * (starts != 1)} in a row did not make it ready"
        return Outcome(ExitCode.SERVER_FAILED, f"{many}; the last failure: {self._state.last_reason}")

    def _after_crash(self) -> float:
        delay = self._budget.after_crash(time.monotonic())
        recent, window = self._budget.recent_crashes, self.settings.restarts.window_s
        if recent > 1:
            logger.error("crash %d within %.0f s (%d in all)", recent, window, self._state.crashes)
        return delay

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._leave_if_asked()
            time.sleep(min(left, TICK_SECONDS))

    def _stop(self) -> Outcome:
        self._move(Phase.STOPPING)
        lost = self.server.stop().lost
        if lost == 0:
            return Outcome(ExitCode.STOPPED, "stopped; every accepted request was answered")
        how_many = "an unknown number of requests" if lost is None else f"about {lost} request{'s' * (lost != 1)}"
        limit = f"{self.server.drain_timeout_s:g} s"
        return Outcome(ExitCode.DRAIN_TIMED_OUT, f"{how_many} did not finish within {limit} and got no answer")

    def _move(self, phase: Phase, reason: str = "", *, crashed: bool = False) -> None:
        self._state = self._state.moved(phase, reason, crashed=crashed)
        level = logging.WARNING if phase in (Phase.RESTARTING, Phase.FAILED) else logging.INFO
        logger.log(level, "%s%s", phase.value, f": {reason}" if reason else "")
        self._on_change(self._state)


def _ended_how(code: int) -> str:
    if code >= 0:
        return f"ended by itself with code {code}"
    return f"was ended by signal {-code} ({signal.Signals(-code).name})"
