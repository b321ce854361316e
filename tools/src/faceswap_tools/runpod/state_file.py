"""Where a worker tells its own container's health check which address its server took.

The server's ports are free ones on loopback, chosen at the start; the health check is a process of its own.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path


def write_state(path: Path | None, http_url: str) -> None:
    """Replaces the file in one step; without a path nothing is written. Raises OSError."""
    if path is None:
        return
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w") as file:
        json.dump({"server": http_url}, file)
    Path(scratch).replace(path)


def read_state(path: Path) -> str | None:
    """The server's address, or None while there is none."""
    try:
        return str(json.loads(path.read_text())["server"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_state(path: Path | None) -> None:
    """From now on the worker has no server."""
    if path is not None:
        path.unlink(missing_ok=True)
