"""Exit status of the command line: which error ends with which code."""

from __future__ import annotations

from faceswap_contract.exit_codes import COMMAND_LINE, ExitCode

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

__all__ = ["ExitCode", "exit_code_of", "exit_codes_text"]

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
    """Every exit status of the command line and its meaning, for the end of `--help`."""
    codes = (code for code in ExitCode if COMMAND_LINE in code.programs)
    # the mark \b keeps the line breaks of the paragraph it begins
    return "\n".join(["\b", "Exit status:", *(f"  {code.value:<3}  {code.meaning}" for code in codes)])
