"""Is the server working? Real traffic answers that for nothing; otherwise a small real swap does.

A busy server must not be ended for being busy, nor a hung one be left alone for looking busy. So an answer "busy", or
none in time, counts as a strike; three in a row mean failure when no model has run anything meanwhile, twelve when
some have (a request of 64 faces on a CPU takes minutes). Any other error of a swap counts after a second look.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from faceswap_tools.supervision.swap_probe import NotReady, check_swap

SWAPS = ("face_swap", "face_swap_identity")
"""The ensembles that run every network and step a swap needs."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Triton's counters since its start."""

    swaps: int  # that succeeded
    executions: int  # of any model


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look found: `failure` in one line, or None while the server may go on."""

    failure: str | None = None
    look_again: bool = False  # at once, not after the usual pause


def activity(http_url: str, timeout: float = 2.0) -> Activity | None:
    """Reads `/v2/models/stats`; None when the server does not answer it."""
    try:
        answer = httpx.get(f"{http_url}/v2/models/stats", timeout=timeout, trust_env=False).raise_for_status()
        models = answer.json()["model_stats"]
        swaps = sum(int(each["inference_stats"]["success"]["count"]) for each in models if each["name"] in SWAPS)
        return Activity(swaps, sum(int(each["execution_count"]) for each in models))
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


class HealthWatch:
    """Judges one run of a server, look by look. Not for several threads at once."""

    def __init__(
        self, http_url: str, probe_timeout_s: float, *, stalled: int = 3, struggling: int = 12, broken: int = 2
    ) -> None:
        """The numbers are how many looks in a row mean failure; see the module."""
        self._http_url = http_url
        self._timeout = probe_timeout_s
        self._limits = (stalled, struggling, broken)
        self._seen = activity(http_url)
        self._stalled = self._struggling = self._broken = 0

    def look(self, *, suspicious: bool = False) -> Verdict:
        """Takes one look; `suspicious` wants a swap of its own whatever the traffic says."""
        before, self._seen = self._seen, activity(self._http_url)
        if not suspicious and before and self._seen and self._seen.swaps > before.swaps:
            return self._works()
        try:
            check_swap(self._http_url, self._timeout)
        except NotReady as error:
            return self._no_progress(before, str(error)) if error.busy else self._fault(str(error))
        self._seen = activity(self._http_url)
        return self._works()

    def _works(self) -> Verdict:
        self._stalled = self._struggling = self._broken = 0
        return Verdict()

    def _no_progress(self, before: Activity | None, reason: str) -> Verdict:
        now = activity(self._http_url)
        if now is not None and before is not None and now.swaps > before.swaps:
            return self._works()  # others were served meanwhile
        alive = now is not None and before is not None and now.executions > before.executions
        self._seen = now
        self._stalled = 0 if alive else self._stalled + 1
        self._struggling += 1
        stalled, struggling, _ = self._limits
        if self._stalled >= stalled or self._struggling >= struggling:
            return Verdict(f"no swap has worked in {self._struggling} looks: {reason}")
        return Verdict()

    def _fault(self, reason: str) -> Verdict:
        self._broken += 1
        if self._broken >= self._limits[2]:
            return Verdict(reason)
        return Verdict(look_again=True)
