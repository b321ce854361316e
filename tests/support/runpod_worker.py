"""`python -m faceswap_server.runpod` as tests see it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil


def has_sdk() -> bool:
    """Whether RunPod's SDK is installed."""
    return importlib.util.find_spec("runpod") is not None


class Worker:
    """`python -m faceswap_server.runpod` and its log."""

    def __init__(self, environment: dict[str, str], log: Path, *arguments: str) -> None:
        self.log = log
        self._state_file = environment.get("FACESWAP_STATE_FILE", "")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RUNPOD_", "FACESWAP_"))}
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "faceswap_server.runpod", *arguments],
                env={**clean, "FACESWAP_WARM_UP": "1", "FACESWAP_TRITON": "bundled", **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, text: str, timeout: float = 90.0) -> None:
        deadline = time.monotonic() + timeout
        while text not in self.text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"never said {text!r}:\n{self.text()[-3000:]}")
            time.sleep(0.02)

    def state(self) -> dict[str, Any]:
        """What its state file says; nothing before there is one."""
        try:
            state: dict[str, Any] = json.loads(Path(self._state_file).read_text())
        except FileNotFoundError:
            return {}
        return state

    def server(self, timeout: float = 30.0) -> int:
        """Process id of its tritonserver, as soon as there is one."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for child in psutil.Process(self.process.pid).children():
                if child.name() == "tritonserver":
                    return child.pid
            time.sleep(0.02)
        raise AssertionError(f"no tritonserver:\n{self.text()[-3000:]}")

    def kill(self) -> None:
        """Ends it and all it started (the SDK's heartbeat would live on alone, outside a container)."""
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            self.process.wait()
            for child in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            for region in Path("/dev/shm").glob(f"faceswap_p{self.process.pid}_*"):
                region.unlink(missing_ok=True)

    def stop(self, timeout: float = 60.0) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


StartWorker = Callable[..., Worker]
