"""Errors of finding, preparing and starting a tritonserver: each is one line that says what to do."""

from __future__ import annotations

from pathlib import Path


class SetupError(Exception):
    """Something the server needs is missing or cannot be used."""


class ServerStartError(SetupError):
    """tritonserver did not become ready.

    Attributes:
        log: file with everything it wrote during this start.
        may_pass: a retry can succeed: a signal ended it or one of its steps (24.10 can abort in a start under heavy
            load), or another program took one of its ports while it was loading.
    """

    def __init__(self, reason: str, log: Path, *, may_pass: bool = False) -> None:
        super().__init__(f"tritonserver did not start: {reason} (log: {log})")
        self.log = log
        self.may_pass = may_pass
