"""Result of one check of `faceswap doctor`: status, text, remedy, facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

Fact = str | int | float | bool | None


class Status(str, Enum):
    """How a check ended. `skipped` has its reason; the checks after a broken one are `not reached`."""

    OK = "ok"
    BROKEN = "broken"
    SKIPPED = "skipped"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one check.

    said: one line for a person, numbers included.
    remedy: what to change; empty unless the check failed or was skipped.
    facts: the numbers, for programs.
    """

    status: Status
    said: str
    remedy: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)


def ok(said: str, **facts: Fact) -> Result:
    """The check passed."""
    return Result(Status.OK, said, facts=facts)


def broken(said: str, remedy: str, **facts: Fact) -> Result:
    """The check failed; `remedy` is what to change."""
    return Result(Status.BROKEN, said, remedy, facts)


def skipped(said: str, remedy: str = "", **facts: Fact) -> Result:
    """The check was not run; `remedy` is what it needs."""
    return Result(Status.SKIPPED, said, remedy, facts)
