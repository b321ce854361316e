"""What the command line's exit status means, and which error gets which."""

from __future__ import annotations

from enum import IntEnum

from faceswap_client._errors import (
    ConnectionFailed,
    ContentRefused,
    DeadlineExceeded,
    FaceError,
    FaceSwapError,
    ImageError,
    RequestCancelled,
    ServerBusy,
    ServerError,
)


class ExitCode(IntEnum):
    """Exit status of `faceswap`. The gaps are the codes of `faceswap serve` and the worker: docs/exit-codes.md."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> ExitCode:
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "done"
    UNEXPECTED = 1, "a fault of this program"
    USAGE = 2, "wrong arguments, or an option the server refuses"
    IMAGE = 4, "an image cannot be read or used"
    FACE = 5, "the images do not show the faces asked for"
    UNREACHABLE = 6, "no server at that address, or the connection broke"
    BUSY = 7, "the server is full; try again later"
    SERVER = 8, "the server failed, or gave an answer that makes no sense"
    DEADLINE = 9, "no answer within --timeout, or the request was cancelled"
    OUTPUT = 12, "the result cannot be written"
    UNMARKED = 13, "verify: an image does not say that it is synthetic"
    TAMPERED = 14, "verify: a manifest is broken, or the image was changed after signing"
    REFUSED = 18, "the server's content gate refuses an image"
    BROKEN = 19, "debug: a rung of the ladder is broken"
    INTERRUPTED = 130, "stopped with Ctrl-C"


_CODE_BY_CLASS: tuple[tuple[type[FaceSwapError], ExitCode], ...] = (
    (ImageError, ExitCode.IMAGE),
    (FaceError, ExitCode.FACE),
    (ContentRefused, ExitCode.REFUSED),
    (ConnectionFailed, ExitCode.UNREACHABLE),
    (DeadlineExceeded, ExitCode.DEADLINE),
    (RequestCancelled, ExitCode.DEADLINE),
    (ServerBusy, ExitCode.BUSY),
    (ServerError, ExitCode.SERVER),
    (FaceSwapError, ExitCode.USAGE),  # OptionError, RequestError
)


def exit_code_of(error: FaceSwapError) -> ExitCode:
    """The exit status of an error: the first class in the table that it belongs to."""
    return next(code for cls, code in _CODE_BY_CLASS if isinstance(error, cls))


def exit_codes_text() -> str:
    """Every exit status and its meaning, for the end of `--help`."""
    # the mark \b keeps the line breaks of the paragraph it begins
    return "\n".join(["\b", "Exit status:", *(f"  {code.value:<3}  {code.meaning}" for code in ExitCode)])
