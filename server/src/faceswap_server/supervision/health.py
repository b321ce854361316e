"""Is the server working? Real traffic answers that for nothing; otherwise a small real swap does.

A busy server must not be ended for being busy, nor a hung one be left alone for looking busy. So an answer "busy", or
none in time, counts as a strike: three in a row mean failure when the server's processes hardly wanted to run
meanwhile, twelve when they did (the real swapper on two cores takes a minute for sixteen faces). Any other error of a
swap counts after a second look. A swap that works, anybody's, clears all of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx
from faceswap_core.buffers.server_processes import ServerProcesses

from faceswap_server.supervision.swap_probe import NotReady, check_swap

SWAPS = ("face_swap", "face_swap_identity")
"""The ensembles that run every network and step a swap needs."""
STALLED_LOOKS, STRUGGLING_LOOKS, BROKEN_LOOKS = 3, 12, 2
"""How many in a row mean failure; see above."""
WORKING_CORES = 0.25
"""Wanting less than this is not work. (A swap of the built-in image takes 0.15 s of one core, in 20 s.)"""
STATISTICS_TIMEOUT_S = 2.0
AGAIN_SECONDS = 0.5
"""From a first swap that was refused as one too many to the next."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look found: `failure` in one line, or None while the server may go on."""

    failure: str | None = None
    look_again: bool = False  # at once, not after the usual pause


def swaps_done(http_url: str, timeout: float = STATISTICS_TIMEOUT_S) -> int | None:
    """Swaps that have succeeded since the server's start; None when it does not say."""
    try:
        answer = httpx.get(f"{http_url}/v2/models/stats", timeout=timeout, trust_env=False).raise_for_status()
        models = answer.json()["model_stats"]
        return sum(int(each["inference_stats"]["success"]["count"]) for each in models if each["name"] in SWAPS)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def _is_more(now: int | None, before: int | None) -> bool:
    """Whether swaps have succeeded between two counts; not where one of them is missing."""
    return now is not None and before is not None and now > before


def prove_swap(http_url: str, seconds: float) -> None:
    """A server that has just loaded works: a swap of ours, or while it is too busy for that, somebody else's.

    Callers who have waited for it fill its queue before we have asked for anything.

    Args:
        http_url: http://HOST:PORT.
        seconds: until when one of them must have worked.

    Raises:
        NotReady: none has, or ours met an error.
    """
    deadline = time.monotonic() + seconds
    before = swaps_done(http_url)
    while (busy := _busy(http_url, max(deadline - time.monotonic(), AGAIN_SECONDS))) is not None:
        if _is_more(swaps_done(http_url), before):
            return
        if time.monotonic() >= deadline:
            raise busy
        time.sleep(AGAIN_SECONDS)


def _busy(http_url: str, seconds: float) -> NotReady | None:
    """What a server says that has too much to do for one swap more; None when it swaps; raises any other NotReady."""
    try:
        check_swap(http_url, seconds)
    except NotReady as error:
        if error.busy:
            return error
        raise
    return None


class HealthWatch:
    """Judges one run of a server, look by look. Not for several threads at once."""

    def __init__(self, http_url: str, server_pid: int, probe_timeout_s: float) -> None:
        self._http_url = http_url
        self._timeout = probe_timeout_s
        self._swaps = self._swaps_done()
        self._processes = ServerProcesses(server_pid)
        self._wanted, self._asked_at = self._wanted_cpu_seconds(), time.monotonic()
        self._stalled = self._struggling = self._broken = 0

    def look(self, *, suspicious: bool = False) -> Verdict:
        """Takes one look; `suspicious` wants a swap of its own whatever the traffic says."""
        if not suspicious and self._others_are_served():
            return self._works()
        try:
            check_swap(self._http_url, self._timeout)
        except NotReady as error:
            return self._no_answer(str(error)) if error.busy else self._fault(str(error))
        self._swaps = self._swaps_done()
        return self._works()

    def _works(self) -> Verdict:
        self._stalled = self._struggling = self._broken = 0
        self._is_running()
        return Verdict()

    def _no_answer(self, reason: str) -> Verdict:
        if self._others_are_served():
            return self._works()
        self._stalled = 0 if self._is_running() else self._stalled + 1
        self._struggling += 1
        if self._stalled >= STALLED_LOOKS or self._struggling >= STRUGGLING_LOOKS:
            return Verdict(f"no swap has worked in {self._struggling} looks: {reason}")
        return Verdict()

    def _fault(self, reason: str) -> Verdict:
        self._swaps = self._swaps_done()  # an answer without a swapped face is a success to Triton
        self._broken += 1
        if self._broken >= BROKEN_LOOKS:
            return Verdict(reason)
        return Verdict(look_again=True)

    def _others_are_served(self) -> bool:
        """Whether a swap has succeeded since this was last asked."""
        before, self._swaps = self._swaps, self._swaps_done()
        return _is_more(self._swaps, before)

    def _swaps_done(self) -> int | None:
        return swaps_done(self._http_url, min(self._timeout, STATISTICS_TIMEOUT_S))

    def _is_running(self) -> bool:
        """Whether the server's processes have worked, or wanted to, since this was last asked."""
        wanted, now = self._wanted_cpu_seconds(), time.monotonic()
        cores = (wanted - self._wanted) / max(now - self._asked_at, 1e-3)
        self._wanted, self._asked_at = wanted, now
        return cores >= WORKING_CORES

    def _wanted_cpu_seconds(self) -> float:
        return self._processes.used_cpu_seconds() + self._processes.waited_cpu_seconds()
