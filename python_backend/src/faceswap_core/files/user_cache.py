"""User cache directory (XDG) for downloads and prepared packs."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache_directory() -> Path:
    """`faceswap-triton` in the user's cache directory (XDG Base Directory Specification)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification has relative paths ignored.
    base = cache if cache.is_absolute() else Path.home() / ".cache"
    return base / "faceswap-triton"
