"""Error messages for files that cannot be written: disk full, read-only, permission denied, with a remedy."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path


def cannot_write(error: OSError, what: str, path: Path, remedy: str) -> str:
    """Says what could not be written, why, and what to do.

    Args:
        what: what it is to the operator, for example "the server's log".
        path: where it was to be.
        remedy: how to choose another place, for example "choose another file with --log".
    """
    number = _first_errno(error)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"{what} {path} cannot be written: the disk is full. Free some space there, or {remedy}"
    if number == errno.EROFS:
        return f"{what} {path} cannot be written: the file system is read-only. Make it writable, or {remedy}"
    if number in (errno.EACCES, errno.EPERM):
        return f"{what} {path} cannot be written: permission denied. Change its owner or mode, or {remedy}"
    reason = error.strerror or " ".join(str(error).split())[:200]
    return f"{what} {path} cannot be written: {reason}. Correct that, or {remedy}"


def _first_errno(error: OSError) -> int | None:
    """The error number; `shutil.copytree` packs the errors of all its files into one, as text."""
    if not isinstance(error, shutil.Error):
        return error.errno
    text = str(error)
    return next((number for number in (errno.ENOSPC, errno.EROFS, errno.EACCES) if f"[Errno {number}]" in text), None)
