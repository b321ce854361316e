"""`faceswap serve` in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

PATIENCE_S = 90.0


class Served:
    """`with Served(folder, ...) as served: served.wait_until("healthy")`; ports are free ones."""

    def __init__(self, folder: Path, *arguments: str, state_file: Path | None = None) -> None:
        self.log = folder / "server.log"
        self.state_file = state_file or folder / "server.state.json"
        self.command = [sys.executable, "-m", "faceswap_server.serve", "--http-port=0", "--grpc-port=0"]
        self.command += ["--metrics-port=0", f"--log={self.log}", f"--state-file={self.state_file}", *arguments]
        self._process: subprocess.Popen[str] | None = None
        self.family: list[psutil.Process] = []

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def __enter__(self) -> Served:
        self._process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()  # the kernel ends its server with it
            self.process.communicate()

    def state(self) -> dict[str, Any]:
        """The state file, or nothing before it is there."""
        try:
            state: dict[str, Any] = json.loads(self.state_file.read_text())
        except FileNotFoundError:
            return {}
        return state

    def wait_until(self, phase: str) -> dict[str, Any]:
        """Until the state file says so."""
        deadline = time.monotonic() + PATIENCE_S
        while (state := self.state()).get("phase") != phase:
            assert time.monotonic() < deadline, f"still {state}"
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.02)
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        return state

    def wait_for_log(self, text: str) -> None:
        """Until tritonserver is there and its log has the text."""
        deadline = time.monotonic() + PATIENCE_S
        while not (self.log.exists() and text in self.log.read_text() and self._children()):
            assert time.monotonic() < deadline, f"never said {text!r}"
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.01)

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def triton(self) -> psutil.Process:
        """Its tritonserver."""
        return self._children()[0]

    def end(self) -> tuple[int, str]:
        """Waits for its end: exit code and stderr."""
        _, stderr = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, stderr
