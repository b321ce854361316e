"""One option: kind, default, range, texts, and what reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Default = str | int | float | bool | None


class Kind(str, Enum):
    """Type of an option's value. All but FLAG travel as Triton request parameters, which are scalars."""

    INTEGER = "integer"
    NUMBER = "number"
    CHOICE = "choice"
    FACE_INDEX = "face index"  # `word`, or an index from 0
    FACE_INDEXES = "face indexes"  # `word`, or indexes such as "0,2"
    FLAG = "flag"


class Task(str, Enum):
    """Call that takes an option."""

    SWAP = "swap"
    FACES = "faces"


class Reader(str, Enum):
    """What acts on an option: a step inside Triton, or what runs jobs in front of it."""

    DECODE_IMAGES = "decode_images"
    ALIGN_FACES = "align_faces"
    PASTE_FACES = "paste_faces"
    JOBS = "jobs"  # RunPod worker and plain API


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a request.

    Attributes:
        name: the name everywhere; the command line writes dashes for underscores.
        kind: type of the value.
        default: value of a request that leaves it out; None where nothing is done then (`default_text` says so).
        allowed: allowed values, for error messages and the reference page.
        about: what it does, one sentence, for docstrings and the reference page.
        help: help text of the command line.
        readers: what acts on it.
        tasks: calls that take it.
        minimum, maximum: range of a number, both included.
        choices: values of a CHOICE, the default first.
        word: the value of a FACE_INDEX or FACE_INDEXES that stands for no index.
        metavar: placeholder in the command line's help.
        default_text: default in words, where `default` is None.
        more: limits that `allowed` leaves out, for error messages.
        command_line_default: default of the command line in words, where it differs from the service's.
    """

    name: str
    kind: Kind
    default: Default
    allowed: str
    about: str
    help: str
    readers: tuple[Reader, ...]
    tasks: tuple[Task, ...] = (Task.SWAP,)
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    word: str = ""
    metavar: str = ""
    default_text: str = ""
    more: str = ""
    command_line_default: str = ""

    @property
    def in_service(self) -> bool:
        """Whether Triton takes it as a request parameter; the others are fields of a job only."""
        return self.readers != (Reader.JOBS,)

    @property
    def flag(self) -> str:
        """Name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def type_name(self) -> str:
        """Name of its type in Python, for a CHOICE: `output_format` -> `OutputFormat`."""
        return "".join(part.capitalize() for part in self.name.split("_"))

    @property
    def shown_default(self) -> str:
        """Default as text, for help and documentation."""
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return self.default_text if self.default is None else str(self.default)
