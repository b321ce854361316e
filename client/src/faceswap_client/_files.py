"""Atomic file writes."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], data: bytes, *, private: bool = False) -> None:
    """Writes `data` to `path`, replacing what was there in one step; a link is followed, a device is written to.

    A private file can be read by its owner only, from its first byte on.

    Raises:
        OSError: cannot be written; what was at `path` before is still there.
    """
    final = Path(os.path.realpath(path))
    if final.exists() and not final.is_file():
        final.write_bytes(data)
        return
    part = final.with_name(f".{final.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        if private:
            part.touch(mode=0o600)
        part.write_bytes(data)
        if final.exists() and not private:
            part.chmod(final.stat().st_mode & 0o777)
        part.replace(final)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
