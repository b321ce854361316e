"""Errors of a job: its codes, whether the server is at fault, and the mapping of exceptions to codes.

RunPod wants `error` to be a string (an object makes the job COMPLETED without output): `CODE: text`. Statuses, meanings
and remedies of the codes stand in `faceswap_contract.errors`.
"""

from __future__ import annotations

import logging
import traceback

from faceswap_client import ConnectionFailed, DeadlineExceeded, FaceSwapError
from faceswap_contract.errors import Origin, codes_of

logger = logging.getLogger(__name__)


class JobError(Exception):
    """A job ends in this; `str(error)` is `CODE: text`. The text is for the caller: no path, host or image."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


_CODES = frozenset((*codes_of(Origin.SERVICE), *codes_of(Origin.WORKER)))
"""Codes a job can end in."""

_SERVERS_FAULT = frozenset(("INTERNAL", "SERVER_UNAVAILABLE", "DEADLINE_EXCEEDED", "BAD_ANSWER"))


def is_servers_fault(code: str) -> bool:
    """Whether a code is the server's fault, so that its health is to be checked."""
    return code not in _CODES or code in _SERVERS_FAULT


def to_job_error(error: Exception) -> JobError:
    """The error that a caller of the job may see, for any exception."""
    if isinstance(error, JobError):
        return error
    if isinstance(error, ConnectionFailed):
        return JobError("SERVER_UNAVAILABLE", "the server behind the worker did not answer")
    if isinstance(error, DeadlineExceeded):
        return JobError("DEADLINE_EXCEEDED", "the server behind the worker took too long")
    if isinstance(error, FaceSwapError) and error.code == "INVALID_TENSOR":
        # a job has no tensors: client and models are of different versions
        logger.error("INVALID_TENSOR: %s", error.message)
        return JobError("INTERNAL", "the worker failed; its log has the details")
    if isinstance(error, FaceSwapError):
        return JobError(error.code, error.message)
    # where it happened, without its message: that may quote what the caller sent
    logger.error("unexpected %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return JobError("INTERNAL", "the worker failed; its log has the details")
