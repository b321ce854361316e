"""What one rung of the ladder says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

Fact = str | int | float | bool | None


class Status(str, Enum):
    """How a rung ended. `skipped` has its reason; the rungs above a broken one are `not reached`."""

    OK = "ok"
    BROKEN = "broken"
    SKIPPED = "skipped"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one rung.

    said: one line for a person, numbers included.
    remedy: what to change; empty unless the rung is broken or skipped.
    facts: the numbers, for programs.
    """

    status: Status
    said: str
    remedy: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)


def ok(said: str, **facts: Fact) -> Result:
    """The rung holds."""
    return Result(Status.OK, said, facts=facts)


def broken(said: str, remedy: str, **facts: Fact) -> Result:
    """The rung does not hold; `remedy` says what to change."""
    return Result(Status.BROKEN, said, remedy, facts)


def skipped(said: str, remedy: str = "", **facts: Fact) -> Result:
    """The rung was not tried; `remedy` says what it would take."""
    return Result(Status.SKIPPED, said, remedy, facts)
