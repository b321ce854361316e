"""The container image's own tritonserver, with its backends and libraries where NVIDIA put them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from faceswap_server.runpod.settings import WorkerSettings
from faceswap_server.triton import ServerStartError, SetupError, Stopped
from faceswap_server.triton.log import passing_reason, reason_in_log
from faceswap_server.triton.ports import HOST, choose_ports
from faceswap_server.triton.process_cleanup import ProcessCleanup
from faceswap_server.triton.shared_memory import remove_abandoned_regions
from faceswap_server.triton.triton_server import KEEP_NO_REQUESTS
from faceswap_server.triton.wait_ready import wait_until_ready

EXIT_SECONDS = 10.0
"""Beyond the drain time: what Triton gets to unload its models before it is killed."""
LAST_LINES_SECONDS = 0.2
"""From its end to the last line of its log."""


class NativeTriton:
    """A `RestartableServer`. Its log goes on in the container's, and that of its start into `log` for the reason."""

    def __init__(self, program: Path, settings: WorkerSettings) -> None:
        self._program = program
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = self._was_ready = False
        self._cleanup = ProcessCleanup()
        self._http_port = self._grpc_port = 0
        self.log = Path(tempfile.gettempdir()) / "tritonserver.log"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise SetupError("the server is not running")
        return self._process.pid

    @property
    def grpc_address(self) -> str:
        return f"{HOST}:{self._grpc_port}"

    @property
    def http_url(self) -> str:
        return f"http://{HOST}:{self._http_port}"

    @property
    def region_prefix(self) -> str:
        """What the names of its steps' regions in /dev/shm begin with."""
        return self._cleanup.region_prefix

    @property
    def drain_timeout_s(self) -> float:
        return self._settings.drain_seconds

    def start(self, on_model_ready: Callable[[int], None] | None = None) -> None:
        repository = self._settings.model_repository
        if repository is None:
            raise SetupError("FACESWAP_MODEL_REPOSITORY is not set")
        remove_abandoned_regions()
        if not self._was_ready:  # from then on they are known to others
            self._http_port, self._grpc_port, _ = choose_ports((0, 0, 0))  # the third is for metrics, which are off
        try:
            self._process = subprocess.Popen(
                self._command(repository),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the worker, which ends the server in order
            )
        except OSError as error:
            raise SetupError(f"{self._program} cannot be run ({error.strerror})") from None
        threading.Thread(target=self._pass_log_on, args=(self._process,), daemon=True).start()
        try:
            self._wait_until_ready(self._process, on_model_ready or (lambda loaded: None))
        except BaseException:
            self.stop(0)
            raise

    def _command(self, repository: Path) -> list[str]:
        return [
            # the server must not outlive the worker, whatever ends it
            *(sys.executable, "-m", "faceswap_server.triton.pdeathsig", str(os.getpid())),
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
            self._cleanup.backend_argument,
            *shlex.split(self._settings.triton_arguments),
        ]

    def wait(self) -> int:
        if self._process is None:
            raise SetupError("the server is not running")
        return self._process.wait()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, drain_s: float | None = None, *, broken: bool = False) -> Stopped:
        """Ends it with its steps and their regions.

        One that loads has nothing to finish. A broken one is killed at once as well: nothing tells which of its
        requests can still finish, and the worker sends them again.
        """
        process, in_time = self._process, True
        if process is not None and process.poll() is None:
            self._cleanup.remember(process.pid)
            process.send_signal(signal.SIGTERM if self._ready and not broken else signal.SIGKILL)
            try:
                process.wait((self.drain_timeout_s if drain_s is None else drain_s) + EXIT_SECONDS)
            except subprocess.TimeoutExpired:
                in_time = False
                process.kill()
                process.wait()
        self._cleanup.remove(None if process is None else process.pid, at_once=broken)
        self._process, self._ready = None, False
        return Stopped(0 if in_time else None)

    def kill(self) -> None:
        process = self._process
        if process is not None:
            process.kill()

    def _wait_until_ready(self, process: subprocess.Popen[bytes], on_model_ready: Callable[[int], None]) -> None:
        def look() -> None:
            self._cleanup.remember(process.pid)
            if process.poll() is not None:
                time.sleep(LAST_LINES_SECONDS)
                raise self._start_error(process.returncode)
            on_model_ready(0)

        seconds = self._settings.start_seconds
        if wait_until_ready((f"{self.http_url}/v2/health/ready",), seconds, look) is not None:
            raise ServerStartError(f"not ready after FACESWAP_START_SECONDS={seconds:g}", self.log)
        self._ready = self._was_ready = True

    def _start_error(self, code: int) -> ServerStartError:
        reason = f"it ended with code {code}: {reason_in_log(self.log)}"
        return ServerStartError(reason, self.log, may_pass=code < 0 or passing_reason(self.log) is not None)

    def _pass_log_on(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with self.log.open("wb") as log, process.stdout as lines:
            for line in lines:
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
                if not self._ready:
                    log.write(line)
                    log.flush()
