"""Chooses the default log of a server in a checkout: one file per running server, claimed with a file lock (flock)."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DefaultLog:
    """A log's path and what keeps other servers off it.

    Attributes:
        path: `server.log`, or another name beside it where that one belongs to a running server.
        shared: whether another running server has `server.log`.
        lock: descriptor of the held lock, given up with the process; None where the folder cannot be written.
    """

    path: Path
    shared: bool
    lock: int | None


def claim_default_log(folder: Path, http_port: int = 0) -> DefaultLog:
    """The first of `server.log`, `server-PORT.log` and `server-PID.log` that no running server has.

    Args:
        folder: where logs go; made when it is missing.
        http_port: the server's HTTP port; 0 where it is not known yet.
    """
    names = ["server", *([f"server-{http_port}"] if http_port else []), f"server-{os.getpid()}"]
    for name in names:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / f".{name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:  # whoever opens the log says why
            return DefaultLog(folder / f"{name}.log", name != "server", None)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        return DefaultLog(folder / f"{name}.log", name != "server", lock)
    return DefaultLog(folder / f"{names[-1]}.log", True, None)
