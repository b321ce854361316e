"""Base classes of the service's errors, and the Triton status each error is sent with."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from faceswap_contract.errors import ERRORS


class Status(Enum):
    """Triton status an error is sent with; `faceswap_contract.errors.TRITON_STATUS` has what callers see of it."""

    INVALID_ARG = "INVALID_ARG"
    UNSUPPORTED = "UNSUPPORTED"
    UNAVAILABLE = "UNAVAILABLE"
    CANCELLED = "CANCELLED"
    INTERNAL = "INTERNAL"


class FaceSwapError(Exception):
    """Base of all errors; `str(error)` is `CODE: message`.

    Attributes:
        code: stable name to branch on.
        status: the code's Triton status in the contract; INVALID_ARG for a code that it does not have.
        message: one sentence for the caller: no path, no traceback, no image data.
    """

    code: ClassVar[str] = ""
    status: ClassVar[Status] = Status.INVALID_ARG

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        fact = ERRORS.get(cls.code)
        if fact is not None and fact.triton_status is not None:
            cls.status = Status(fact.triton_status)

    def __init__(self, message: str) -> None:
        super().__init__(f"{self.code}: {message}")
        self.message = message


class ImageError(FaceSwapError):
    """An image cannot be used. The message begins with which one, for example `SOURCE_IMAGE[0]`."""


class OptionError(FaceSwapError):
    """A request parameter cannot be used."""


class RequestError(FaceSwapError):
    """The request as a whole cannot be used."""


class FaceError(FaceSwapError):
    """The images do not hold the faces asked for."""


def all_errors() -> dict[str, type[FaceSwapError]]:
    """Every error class that has a code, by code."""
    found: dict[str, type[FaceSwapError]] = {}
    pending = [FaceSwapError]
    while pending:
        cls = pending.pop()
        pending.extend(cls.__subclasses__())
        if cls.code:
            found[cls.code] = cls
    return found
