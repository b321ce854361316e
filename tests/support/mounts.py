"""Small, full and read-only file systems for one command, in a mount namespace of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

_UNSHARE = ["unshare", "--mount", "--propagation", "private"]


@dataclass(frozen=True)
class Tmpfs:
    """An empty file system in memory over `path`."""

    path: Path
    size: str  # as mount takes it: 64m
    full: bool = False
    read_only: bool = False

    def commands(self) -> list[str]:
        """Shell commands that mount it."""
        where = shlex.quote(str(self.path))
        commands = [f"mount -t tmpfs -o size={self.size} tmpfs {where}"]
        if self.full:
            commands.append(f"(cat /dev/zero > {where}/filling 2> /dev/null || true)")
        if self.read_only:
            commands.append(f"mount -o remount,ro {where}")
        return commands


@dataclass(frozen=True)
class ReadOnly:
    """What is at `path` already, without the right to write."""

    path: Path

    def commands(self) -> list[str]:
        """Shell commands that mount it."""
        where = shlex.quote(str(self.path))
        return [f"mount --bind {where} {where}", f"mount -o remount,bind,ro {where}"]


def command_with_mounts(mounts: Sequence[Tmpfs | ReadOnly], command: Sequence[str]) -> list[str]:
    """`command` in a namespace that has `mounts`; skips the test where this machine does not let us mount."""
    reason = _why_not()
    if reason:
        pytest.skip(f"needs small file systems, and this machine allows no mounts: {reason}")
    script = " && ".join([*(each for mount in mounts for each in mount.commands()), 'exec "$@"'])
    return [*_prefix(), "sh", "-c", script, "sh", *command]


def run_with_mounts(
    mounts: Sequence[Tmpfs | ReadOnly], command: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs `command` to its end."""
    return subprocess.run(
        command_with_mounts(mounts, command),
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, **(environment or {})},
        check=False,
    )


def _prefix() -> list[str]:
    return _UNSHARE if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", *_UNSHARE[1:]]


@cache
def _why_not() -> str:
    try:
        tried = subprocess.run(
            [*_prefix(), "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except OSError as error:
        return f"unshare: {error.strerror}"
    return "" if tried.returncode == 0 else (tried.stderr.strip() or f"exit code {tried.returncode}")
