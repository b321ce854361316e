"""The server's own view of a model repository, from which models can be withdrawn while it runs.

Triton 24.10 cannot be stopped in order by a signal alone: after SIGTERM it goes on accepting requests on connections
that are open (keep-alive HTTP, gRPC) until its exit timeout is over, and drops what is in flight then. (Run: 4 clients
under load, 30 s timeout; all 30 s were served, then all 4 requests in flight were lost and the exit code was 1.)
But a model that disappears from a repository Triton polls is unloaded exactly as one wants: new requests are refused,
those in flight finish. So the server polls a view of its own, and to drain is to take the ensembles out of it.

The repository itself is never touched, and may be read-only. Nobody else can write to the view.
(Where a network can only be linked softly, because the folder is on another file system, a pack that is installed
under a running server is loaded by it.)
"""

from __future__ import annotations

import os
import py_compile
import shutil
from pathlib import Path

SMALL = 1 << 20
"""Bytes up to which a file is copied: a step or config that is edited under a running server must not be reloaded."""


def lay_out_view(repository: Path, view: Path) -> None:
    """Fills `view` with the models of `repository`; raises OSError."""
    for model in sorted(repository.iterdir()):
        if model.is_dir():
            # byte code is written beforehand: Python would add it later, which looks like a changed model
            shutil.copytree(
                model, view / model.name, copy_function=_take, ignore=shutil.ignore_patterns("__pycache__", "*.part")
            )
    for source in view.rglob("*.py"):
        py_compile.compile(str(source), quiet=2)


def _take(source: str, target: str) -> None:
    """Small files as copies, networks as links: hard where possible, so that a new pack is met by the next start."""
    if Path(source).stat().st_size <= SMALL:
        shutil.copy2(source, target)
        return
    try:
        os.link(source, target)
    except OSError:  # another file system
        Path(target).symlink_to(Path(source).resolve())


def entry_points(view: Path) -> tuple[str, ...]:
    """Names of the models that callers know: the ensembles, or every model where there is none."""
    configs = {config.parent.name: config.read_text() for config in sorted(view.glob("*/config.pbtxt"))}
    ensembles = tuple(name for name, text in configs.items() if "ensemble_scheduling" in text)
    return ensembles or tuple(configs)


def withdraw(view: Path, models: tuple[str, ...]) -> None:
    """Takes models out; Triton notices within its polling interval."""
    for model in models:
        shutil.rmtree(view / model, ignore_errors=True)
