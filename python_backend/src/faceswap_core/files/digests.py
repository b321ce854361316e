"""sha256 digests of networks, to detect changed ones, and of the code that makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

CHUNK = 1 << 20


def file_sha256(path: Path) -> str:
    """sha256 of a file, in hexadecimal; reads it in pieces, a network may have half a gigabyte."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def sources_sha256(paths: Iterable[Path]) -> str:
    """One sha256 over several source files in the order given: another version of the code gives another one."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
