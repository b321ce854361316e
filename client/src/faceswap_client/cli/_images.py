"""Reads images from files or stdin, writes results to files or stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from faceswap_client._files import write_atomically
from faceswap_client.cli._commands import CommandFailed
from faceswap_client.cli._exit_codes import ExitCode

STANDARD_STREAM = "-"


def read_images(names: list[str]) -> list[bytes]:
    """The bytes of each file; `-`, at most once, is stdin."""
    if names.count(STANDARD_STREAM) > 1:
        raise CommandFailed("only one image can come from stdin", ExitCode.USAGE)
    return [_read(name) for name in names]


def write_result(name: str, data: bytes) -> None:
    """Writes a file atomically, replacing what was there; `-` is stdout."""
    try:
        if name == STANDARD_STREAM:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            write_atomically(name, data)
    except OSError as error:
        raise CommandFailed(f"cannot write {name}: {error.strerror or error}", ExitCode.OUTPUT) from error


def format_by_name(name: str) -> str | None:
    """The output format that a file name's ending stands for, or None."""
    return {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}.get(Path(name).suffix.lower())


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == STANDARD_STREAM else Path(name).read_bytes()
    except OSError as error:
        raise CommandFailed(f"cannot read {name}: {error.strerror or error}", ExitCode.IMAGE) from error
