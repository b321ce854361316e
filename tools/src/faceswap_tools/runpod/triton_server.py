"""The tritonserver behind the worker: the container image's own, or the one that pip carries."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Protocol

import httpx

from faceswap_tools.checkout import Checkout
from faceswap_tools.local_server import LocalServer, ServerSettings
from faceswap_tools.local_server.triton_log import reason_in_log
from faceswap_tools.local_server.triton_process import KEEP_NO_REQUESTS
from faceswap_tools.runpod.settings import WorkerSettings

HOST = "127.0.0.1"


class ServerFailed(Exception):
    """Triton did not become ready; one line that says why."""


class TritonServer(Protocol):
    """What the worker needs of a server. It listens on loopback only."""

    def start(self) -> None:
        """Starts it and returns when every model is ready. Raises ServerFailed, or the local server's SetupError."""

    def wait(self) -> int:
        """Waits until it ends by itself; its exit code."""

    def is_running(self) -> bool:
        """Whether its process is alive."""

    def stop(self) -> object:
        """Ends it, requests in flight first; may be called twice and from another thread."""

    @property
    def grpc_address(self) -> str:
        """HOST:PORT."""

    @property
    def http_url(self) -> str:
        """http://HOST:PORT."""


def make_server(settings: WorkerSettings) -> TritonServer:
    """The server the settings ask for, not started yet."""
    program = settings.native_triton
    if program is not None:
        return NativeTriton(program, settings)
    return LocalServer(
        ServerSettings(
            repository=settings.model_repository or Checkout.find().model_repository,
            start_timeout_s=settings.start_seconds,
            drain_timeout_s=settings.drain_seconds,
            arguments=tuple(shlex.split(settings.triton_arguments)),
        )
    )


class NativeTriton:
    """The image's own tritonserver. Its log goes on in the container's, and its beginning into `log` for the reason."""

    def __init__(self, program: Path, settings: WorkerSettings) -> None:
        self._program = program
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._http_port, self._grpc_port = _free_ports(2)
        self.log = Path(tempfile.gettempdir()) / "tritonserver.log"

    @property
    def grpc_address(self) -> str:
        return f"{HOST}:{self._grpc_port}"

    @property
    def http_url(self) -> str:
        return f"http://{HOST}:{self._http_port}"

    def start(self) -> None:
        repository = self._settings.model_repository
        if repository is None:
            raise ServerFailed("FACESWAP_MODEL_REPOSITORY is not set")
        command = [
            # the server must not outlive the worker, whatever ends it
            *(sys.executable, "-m", "faceswap_tools.local_server.die_with_parent", str(os.getpid())),
            str(self._program),
            f"--model-repository={repository}",
            f"--http-address={HOST}",
            f"--http-port={self._http_port}",
            f"--grpc-address={HOST}",
            f"--grpc-port={self._grpc_port}",
            "--allow-metrics=false",
            "--disable-auto-complete-config",
            KEEP_NO_REQUESTS,
            f"--exit-timeout-secs={int(self._settings.drain_seconds)}",
            *shlex.split(self._settings.triton_arguments),
        ]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise ServerFailed(f"{self._program} cannot be run ({error.strerror})") from None
        threading.Thread(target=self._pass_log_on, args=(self._process,), daemon=True).start()
        self._wait_until_ready(self._process)

    def wait(self) -> int:
        if self._process is None:
            raise ServerFailed("it was never started")
        return self._process.wait()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(self._settings.drain_seconds + 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._settings.start_seconds
        with httpx.Client(timeout=2.0, trust_env=False) as http:
            while time.monotonic() < deadline:
                if process.poll() is not None:
                    time.sleep(0.2)  # the rest of its log
                    raise ServerFailed(f"tritonserver ended with code {process.returncode}: {reason_in_log(self.log)}")
                try:
                    if http.get(f"{self.http_url}/v2/health/ready").status_code == httpx.codes.OK:
                        self._ready = True
                        return
                except httpx.TransportError:
                    pass  # the port opens only after every model has loaded
                time.sleep(0.05)
        self.stop()
        raise ServerFailed(f"not ready after FACESWAP_START_SECONDS={self._settings.start_seconds:g}")

    def _pass_log_on(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with self.log.open("wb") as log:
            for line in process.stdout:
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
                if not self._ready:
                    log.write(line)
                    log.flush()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
