"""Temporary directories on the checkout's file system, so that big files can be hard-linked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faceswap_models.checkout import Checkout


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A temporary directory, deleted when the context ends."""
    parent = Checkout.find().root / "out"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=parent) as name:
        yield Path(name)
