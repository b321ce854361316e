"""A private view of a model repository, from which models are withdrawn to drain a running server.

Triton 24.10 cannot be stopped in order by a signal alone: after SIGTERM it goes on accepting requests on connections
that are open (keep-alive HTTP, gRPC) until its exit timeout is over, and drops what is in flight then. (Run: 4 clients
under load, 30 s timeout; all 30 s were served, then all 4 requests in flight were lost and the exit code was 1.)
But a model that disappears from a repository Triton polls is unloaded gracefully: new requests are refused, those in
flight finish. So the server polls a private view, and to drain is to take the ensembles out of it.

The repository itself is never changed, and may be read-only. No other user can write to the view, and it stays as it
was at the start: small files are copies, and a network is a link to a descriptor that is held open, so that a pack
which is installed later is used by the next start. (Not a hard link: making and deleting one changes the file's ctime,
which Triton takes for a change, so that every other server with the same network would load it again.)
"""

from __future__ import annotations

import os
import py_compile
import shutil
from pathlib import Path

SMALL = 1 << 20
"""Bytes up to which a file is copied: a step or config that is edited under a running server must not be reloaded."""


class ServedRepository:
    """A view of a repository; it holds until `close`, or until this process ends."""

    def __init__(self, repository: Path, view: Path) -> None:
        """Fills `view` with the models of `repository`; raises OSError."""
        self._descriptors: list[int] = []
        try:
            for model in sorted(repository.iterdir()):
                if model.is_dir():
                    ignored = shutil.ignore_patterns("__pycache__", "*.part")
                    shutil.copytree(model, view / model.name, copy_function=self._take, ignore=ignored)
        except BaseException:
            self.close()
            raise
        # byte code is written beforehand: Python would add it later, which looks like a changed model
        for source in view.rglob("*.py"):
            py_compile.compile(str(source), quiet=2)

    def close(self) -> None:
        """Closes the networks' descriptors; idempotent."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _take(self, source: str, target: str) -> None:
        if Path(source).stat().st_size <= SMALL:
            shutil.copy2(source, target)
            return
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        self._descriptors.append(descriptor)
        Path(target).symlink_to(f"/proc/{os.getpid()}/fd/{descriptor}")


def entry_points(view: Path) -> tuple[str, ...]:
    """Names of the public models: the ensembles, or every model where there is none."""
    configs = {config.parent.name: config.read_text() for config in sorted(view.glob("*/config.pbtxt"))}
    ensembles = tuple(name for name, text in configs.items() if "ensemble_scheduling" in text)
    return ensembles or tuple(configs)


def withdraw(view: Path, models: tuple[str, ...]) -> None:
    """Takes models out; Triton notices within its polling interval."""
    for model in models:
        shutil.rmtree(view / model, ignore_errors=True)
