"""One environment variable: type, default, range, meaning, and which program reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Program(str, Enum):
    """Process that reads a variable."""

    STEPS = "steps"  # the Python steps inside Triton, whichever program started it
    SERVE = "serve"  # `faceswap serve`, and its HTTP server
    WORKER = "worker"  # the RunPod worker
    COMMAND_LINE = "command line"  # `faceswap swap`, `faces`, `verify`
    ROUTE = "route"  # client/typescript/route.ts, on the web site
    TESTS = "tests"


class VariableKind(str, Enum):
    """Type of a variable's value."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    PATH = "path"
    CHOICE = "choice"
    SWITCH = "switch"  # true or false


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    Attributes:
        name: the whole name.
        kind: type of the value.
        default: value of a variable that is not set; None where nothing is done then (`meaning` says what).
        meaning: what it sets, with its unit.
        programs: which processes read it.
        minimum, maximum: range of a number, both included.
        above: bound of a number, excluded.
        choices: values of a CHOICE.
        pattern: regular expression that the whole text matches.
        longest: most characters of a TEXT.
        secret: whether the value itself is one, so that it is never shown. Other secrets are named by path.
    """

    name: str
    kind: VariableKind
    default: str | int | float | bool | None
    meaning: str
    programs: tuple[Program, ...]
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    longest: int | None = None
    secret: bool = False

    @property
    def shown_default(self) -> str:
        """Default as text, for documentation."""
        if self.default is None:
            return ""
        return str(self.default).lower() if isinstance(self.default, bool) else str(self.default)
