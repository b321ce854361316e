"""Starts tritonserver on loopback, waits until it is ready, and ends it with everything it started."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import httpx
import psutil
from faceswap_core.frames.leasing import frames_folder

from faceswap_tools.checkout import Checkout
from faceswap_tools.local_server.carried_triton import (
    SetupError,
    find_carried_triton,
    lay_out_backends,
    server_environment,
)

HOST = "127.0.0.1"
SHM = Path("/dev/shm")  # noqa: S108  where the Python backend keeps its regions

CLOSED_APIS = "model-repository,shared-memory,trace,logging"
"""What nobody may ask of the server (Triton's names, docs/customization_guide/deploy.md): loading models, mapping
memory, changing traces and logs. Configs and statistics stay open on loopback, for perf_analyzer and our benchmarks."""


class ServerStartError(SetupError):
    """tritonserver did not become ready; the message is one line, `log` the whole story."""

    def __init__(self, reason: str, log: Path) -> None:
        super().__init__(f"tritonserver did not start: {reason} (log: {log})")
        self.log = log


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to run the server. A port of 0 means any free one."""

    repository: Path
    http_port: int = 0
    grpc_port: int = 0
    metrics_port: int = 0
    log: Path | None = None
    start_timeout_s: float = 120.0
    drain_timeout_s: int = 30
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


class LocalServer:
    """A tritonserver of our own: `with LocalServer(settings) as server: server.grpc_address`."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: Path | None = None
        self._children: dict[int, psutil.Process] = {}
        self._shm_prefix = f"faceswap_{os.getpid()}_{secrets.token_hex(3)}_"
        self.http_port = self.grpc_port = self.metrics_port = 0
        self.log = settings.log or Path(tempfile.gettempdir()) / f"tritonserver-{secrets.token_hex(4)}.log"

    @property
    def grpc_address(self) -> str:
        return f"{HOST}:{self.grpc_port}"

    @property
    def http_url(self) -> str:
        return f"http://{HOST}:{self.http_port}"

    @property
    def metrics_url(self) -> str:
        return f"http://{HOST}:{self.metrics_port}/metrics"

    @property
    def region_prefix(self) -> str:
        """What the names of its steps' regions in /dev/shm begin with."""
        return self._shm_prefix

    @property
    def pid(self) -> int:
        """Process id of tritonserver; raises SetupError when it is not running."""
        if self._process is None:
            raise SetupError("the server is not running")
        return self._process.pid

    def __enter__(self) -> LocalServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, on_model_ready: Callable[[int], None] | None = None) -> None:
        """Starts the server and returns when every model is ready.

        Args:
            on_model_ready: called now and then with the number of models loaded so far.

        Raises:
            SetupError: Python, the wheel or libpython are not as needed.
            ServerStartError: it ended, or was not ready in time; nothing of it is left behind.
        """
        triton = find_carried_triton()
        checkout = Checkout.find()
        self._scratch = Path(tempfile.mkdtemp(prefix="faceswap-triton-"))
        try:
            lay_out_backends(triton, checkout.onnxruntime_backend, self._scratch / "backends")
            self._choose_ports()
            self.log.parent.mkdir(parents=True, exist_ok=True)
            environment = server_environment(triton, dict(os.environ)) | self.settings.environment
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "faceswap_tools.local_server.die_with_parent", str(os.getpid())),
                        *self._command(triton.executable),
                    ],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C reaches the launcher, which ends the server in order
                )
            self._wait_until_ready(on_model_ready or (lambda loaded: None))
        except BaseException:
            self.stop()
            raise

    def _choose_ports(self) -> None:
        wanted = (self.settings.http_port, self.settings.grpc_port, self.settings.metrics_port)
        with_sockets = [_reserve(port) for port in wanted]
        self.http_port, self.grpc_port, self.metrics_port = (s.getsockname()[1] for s in with_sockets)
        for reserved in with_sockets:
            reserved.close()

    def _command(self, executable: Path) -> list[str]:
        settings = self.settings
        # Triton opens these to whoever sends this header; nobody is told it
        never = f"{CLOSED_APIS}:closed={secrets.token_urlsafe(24)}"
        return [
            str(executable),
            f"--model-repository={settings.repository}",
            f"--backend-directory={self._scratch}/backends",
            f"--http-address={HOST}",
            f"--http-port={self.http_port}",
            f"--grpc-address={HOST}",
            f"--grpc-port={self.grpc_port}",
            f"--metrics-address={HOST}",
            f"--metrics-port={self.metrics_port}",
            f"--http-restricted-api={never}",
            f"--grpc-restricted-protocol={never}",
            "--disable-auto-complete-config",
            f"--exit-timeout-secs={settings.drain_timeout_s}",
            f"--backend-config=python,shm-region-prefix-name={self._shm_prefix}",
            *settings.arguments,
        ]

    def _wait_until_ready(self, on_model_ready: Callable[[int], None]) -> None:
        deadline = time.monotonic() + self.settings.start_timeout_s
        with httpx.Client(timeout=2.0, trust_env=False) as http:
            while time.monotonic() < deadline:
                if self._process is None or self._process.poll() is not None:
                    raise ServerStartError(reason_in_log(self.log), self.log)
                self._remember_children()
                # the HTTP port opens only after all models have loaded; until then the log tells
                on_model_ready(self.log.read_text(errors="replace").count("successfully loaded '"))
                try:
                    if http.get(f"{self.http_url}/v2/health/ready").status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.05)
        raise ServerStartError(f"not ready after {self.settings.start_timeout_s:.0f} s", self.log)

    def _remember_children(self) -> None:
        if self._process is None:
            return
        try:
            children = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        self._children.update({child.pid: child for child in children})

    def is_running(self) -> bool:
        """Whether tritonserver is alive; says nothing about its steps."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> int:
        """Waits for tritonserver to end by itself and returns its exit code."""
        if self._process is None:
            raise SetupError("the server is not running")
        return self._process.wait()

    def stop(self) -> None:
        """Ends the server: requests in flight finish, then every process and shared-memory region goes.

        Safe to call twice and at any moment of `start`. A second Ctrl-C while draining ends it at once.
        """
        process = self._process
        try:
            if process is not None and process.poll() is None:
                self._remember_children()
                process.send_signal(signal.SIGTERM)
                process.wait(self.settings.drain_timeout_s + 10)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            pass
        finally:
            self._kill_what_is_left()
            self._process = None

    def _kill_what_is_left(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        alive = [child for child in self._children.values() if child.is_running()]
        _, alive = psutil.wait_procs(alive, timeout=2.0)
        for child in alive:
            child.kill()
        psutil.wait_procs(alive, timeout=5.0)
        self._children.clear()
        for region in SHM.glob(f"{self._shm_prefix}*"):
            region.unlink(missing_ok=True)
        if self._process is not None:
            shutil.rmtree(frames_folder(self._process.pid), ignore_errors=True)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None


def _reserve(port: int) -> socket.socket:
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reserved.bind((HOST, port))
    except OSError:
        reserved.close()
        raise SetupError(f"port {port} on {HOST} is already in use; choose another or leave it free") from None
    return reserved


_REASONS = (
    re.compile(r"^\| (?P<model>\S+) +\| \d+ +\| UNAVAILABLE: (?:[A-Z]\w+( \w+)?: )?(?P<why>.+?) *\|$", re.MULTILINE),
    re.compile(r"Poll failed for model directory '(?P<model>[^']+)': (?P<why>.+)\""),
    re.compile(r"(?:TritonModelException|ConfigError)[^:]*: (?P<why>.+)"),
    re.compile(r"failed to load '(?P<model>[^']+)'[^:]*: (?P<why>.+)"),
    re.compile(r"^E\d{4} [^\]]+\] \"?(?!CudaDriverHelper)(?P<why>.+?)\"?$", re.MULTILINE),
    re.compile(r"^error: (?P<why>.+)", re.MULTILINE),
)


def reason_in_log(log: Path) -> str:
    """The line of a Triton log that says why it stopped, most telling first."""
    text = log.read_text(errors="replace") if log.exists() else ""
    for pattern in _REASONS:
        found = pattern.search(text)
        if found:
            model = found.groupdict().get("model")
            why = found.group("why").strip().strip('"')[:300]
            return f"model '{model}': {why}" if model and model not in why else why
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it ended without a word"
