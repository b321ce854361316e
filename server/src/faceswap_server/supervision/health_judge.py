"""The health verdict as a state machine: observations in, a verdict out; no I/O and no clock.

A busy server must not be ended for being busy, nor a hung one be left alone for looking busy. So a probe that is
answered "busy", or not in time, counts against the server: three in a row mean failure when the server's processes
hardly wanted to run in between, twelve when they did (the real swapper on two cores takes a minute for sixteen faces).
Any other error of a probe is a failure at the second in a row. Any successful swap, a probe's or a caller's, clears all
counts. Where callers are answered who want no swap (`face_analysis`), or whose image has no face, a busy probe counts
for nothing: the server is full and works. (What only a swap needs may hang behind that; it is found when a probe is
processed.)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

STALLED_PROBES, STRUGGLING_PROBES, BROKEN_PROBES = 3, 12, 2
"""How many in a row mean failure: of a server at rest, of one at work, and with an error."""


class Probe(Enum):
    """How one probe went."""

    WORKED = "worked"  # a swap has succeeded, the probe's or a caller's
    OTHERS_ANSWERED = "others answered"  # "busy", or nothing in time, but callers of other kinds were answered
    NO_ANSWER = "no answer"  # "busy", or nothing in time, and no caller was answered either
    ERROR = "error"  # any other error, or an answer without a swapped face


@dataclass(frozen=True, slots=True)
class Observation:
    """What one probe found.

    Attributes:
        probe: how it went.
        reason: why no swap worked, in one line.
        server_ran: whether the server's processes have run, or wanted to, since the probe before; read where there
            was no answer.
    """

    probe: Probe
    reason: str = ""
    server_ran: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from the probes so far.

    Attributes:
        failure: why the server has failed, in one line; None while it may go on.
        probe_again: the next probe is due at once, not after the usual pause.
    """

    failure: str | None = None
    probe_again: bool = False


class HealthJudge:
    """Judges one run of a server."""

    def __init__(
        self, *, stalled: int = STALLED_PROBES, struggling: int = STRUGGLING_PROBES, broken: int = BROKEN_PROBES
    ) -> None:
        """How many probes in a row mean failure, as the constants say."""
        self._most_stalled, self._most_struggling, self._most_broken = stalled, struggling, broken
        self._stalled = self._struggling = self._broken = 0

    def observe(self, seen: Observation) -> Verdict:
        """The verdict after one more probe."""
        if seen.probe is Probe.WORKED:
            self._stalled = self._struggling = self._broken = 0
            return Verdict()
        if seen.probe is Probe.OTHERS_ANSWERED:
            self._stalled = self._struggling = 0
            return Verdict()
        if seen.probe is Probe.ERROR:
            self._broken += 1
            failed = self._broken >= self._most_broken
            return Verdict(seen.reason) if failed else Verdict(probe_again=True)
        self._stalled = 0 if seen.server_ran else self._stalled + 1
        self._struggling += 1
        if self._stalled >= self._most_stalled or self._struggling >= self._most_struggling:
            return Verdict(f"no swap has worked in {self._struggling} probes: {seen.reason}")
        return Verdict()
