"""Probes a running server: callers' traffic where there is any, else a small real swap; `HealthJudge` decides."""

from __future__ import annotations

import time

from faceswap_core.buffers.server_processes import ServerProcesses

from faceswap_server.supervision.answer_count import TIMEOUT_SECONDS, Answers, answered, more_answers, more_swaps
from faceswap_server.supervision.health_judge import HealthJudge, Observation, Probe, Verdict
from faceswap_server.supervision.swap_probe import NotReady, check_swap

WORKING_CORES = 0.25
"""Wanting less CPU than this is not work. (A swap of the built-in image takes 0.15 s of one core, in 20 s.)"""


class HealthWatch:
    """Probes one run of a server and keeps the counts between probes. Not for several threads at once."""

    def __init__(self, http_url: str, server_pid: int, timeout_s: float, judge: HealthJudge | None = None) -> None:
        self._http_url = http_url
        self._timeout = timeout_s
        self._judge = judge or HealthJudge()
        self._answers: Answers | None = None
        self._answers = self._answered()
        self._processes = ServerProcesses(server_pid)
        self._wanted, self._asked_at = self._wanted_cpu_seconds(), time.monotonic()

    def probe(self, *, suspicious: bool = False) -> Verdict:
        """Probes once; `suspicious` sends a probe swap although callers' swaps succeed."""
        return self._judge.observe(self._observe(suspicious=suspicious))

    def _observe(self, *, suspicious: bool) -> Observation:
        before, self._answers = self._answers, self._answered()
        if not suspicious and more_swaps(self._answers, before):
            return self._worked()
        try:
            check_swap(self._http_url, self._timeout)
        except NotReady as error:
            self._answers = self._answered()
            if not error.busy:
                return Observation(Probe.ERROR, str(error))
            if more_swaps(self._answers, before):
                return self._worked()
            if more_answers(self._answers, before):
                return Observation(Probe.OTHERS_ANSWERED, str(error))
            return Observation(Probe.NO_ANSWER, str(error), server_ran=self._ran())
        self._answers = self._answered()  # without our own swap
        return self._worked()

    def _worked(self) -> Observation:
        self._ran()  # the next probe counts from here
        return Observation(Probe.WORKED)

    def _answered(self) -> Answers | None:
        """The counts now; those before where a server that is full does not say in time."""
        return answered(self._http_url, min(self._timeout, TIMEOUT_SECONDS)) or self._answers

    def _ran(self) -> bool:
        """Whether the server's processes have run, or wanted to, since this was last asked."""
        wanted, now = self._wanted_cpu_seconds(), time.monotonic()
        cores = (wanted - self._wanted) / max(now - self._asked_at, 1e-3)
        self._wanted, self._asked_at = wanted, now
        return cores >= WORKING_CORES

    def _wanted_cpu_seconds(self) -> float:
        return self._processes.used_cpu_seconds() + self._processes.waited_cpu_seconds()
