"""Starts a tritonserver on loopback, waits until it is ready, and stops it with everything it started."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from faceswap_server.triton import process_setup
from faceswap_server.triton.arguments import ServerArguments, server_arguments
from faceswap_server.triton.bundled import find_bundled_triton
from faceswap_server.triton.drain import Stopped, requests_in_flight, wait_until_drained
from faceswap_server.triton.errors import ServerStartError, SetupError
from faceswap_server.triton.installed_networks import network_fault
from faceswap_server.triton.locator import TritonLocator
from faceswap_server.triton.log import open_log, passing_reason, reason_in_log
from faceswap_server.triton.log_relay import LogRelay
from faceswap_server.triton.ports import HOST, choose_ports
from faceswap_server.triton.process_cleanup import ProcessCleanup
from faceswap_server.triton.served_repository import entry_points, withdraw
from faceswap_server.triton.server_folder import ServerFolder, remove_abandoned_folders
from faceswap_server.triton.server_memory import ServerMemory
from faceswap_server.triton.settings import ServerSettings
from faceswap_server.triton.shared_memory import check_shared_memory
from faceswap_server.triton.wait_ready import wait_until_ready

END_SECONDS = 1.0
"""From SIGTERM to SIGKILL. Nothing is in flight then and no step has anything to finish, but Triton waits for idle
keep-alive connections, takes seconds to unload each step, and 24.10 can hang when it ends while a stub is dead."""


class TritonServer:
    """One tritonserver process, of whatever binary: `with TritonServer(settings) as server: server.grpc_address`.

    A `RestartableServer`: it may be started again after it has stopped or died, and keeps its ports then.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = self._was_ready = False
        self._launches = 0
        self._folder: ServerFolder | None = None
        self._relay: LogRelay | None = None
        self._cleanup = ProcessCleanup()
        self._memory = ServerMemory()
        self._ports = self._wanted_ports()
        self.log = settings.log or Path(tempfile.gettempdir()) / f"tritonserver-{secrets.token_hex(4)}.log"

    @property
    def http_port(self) -> int:
        """0 until a free one was chosen, which is kept as soon as the server was ready once."""
        return self._ports[0]

    @property
    def grpc_port(self) -> int:
        return self._ports[1]

    @property
    def metrics_port(self) -> int:
        return self._ports[2]

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
    def drain_timeout_s(self) -> float:
        """What requests in flight get when it is stopped."""
        return self.settings.drain_timeout_s

    @property
    def region_prefix(self) -> str:
        """What the names of its steps' regions in /dev/shm begin with."""
        return self._memory.region_prefix

    @property
    def buffers(self) -> Path:
        """The folder of its buffer pool, once it was started."""
        return self._memory.buffers

    @property
    def pid(self) -> int:
        """Process id of tritonserver; raises SetupError when it is not running."""
        if self._process is None:
            raise SetupError("the server is not running")
        return self._process.pid

    def __enter__(self) -> TritonServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, on_model_ready: Callable[[int], None] | None = None) -> None:
        """Starts the server and returns when every model is ready.

        Args:
            on_model_ready: called now and then with the number of models loaded so far; what it raises ends the start.

        Raises:
            SetupError: something on this machine is not as needed: the Triton asked for, Python, libpython, a port,
                /dev/shm, or a folder that cannot be written.
            ServerStartError: it ended, or was not ready in time; nothing of it is left behind.
        """
        triton = self.settings.triton or find_bundled_triton()
        executable = triton.executable  # raises before anything is made
        self._memory.delete_abandoned()
        remove_abandoned_folders()
        check_shared_memory()
        try:
            self._folder = ServerFolder(triton, self.settings.repository)
            self._ports = choose_ports(self._ports if self._was_ready else self._wanted_ports())
            self._launch(executable, triton, self._folder)
            self._wait_until_ready(on_model_ready or (lambda loaded: None))
            self._ready = self._was_ready = True
            if self._relay is not None:
                self._relay.stop_keeping()
        except BaseException:
            self.stop()
            raise

    def _wanted_ports(self) -> tuple[int, int, int]:
        return self.settings.http_port, self.settings.grpc_port, self.settings.metrics_port

    def _launch(self, executable: Path, triton: TritonLocator, folder: ServerFolder) -> None:
        arguments = ServerArguments(
            models=folder.models,
            backends=folder.backends,
            ports=self._ports,
            region_prefix=self._memory.region_prefix,
            closed_value=secrets.token_urlsafe(24),
            extra=self.settings.arguments,
        )
        environment = triton.environment(os.environ) | self.settings.environment
        environment |= self._memory.claim(environment) | {"FACESWAP_SERVER_RESTARTS": str(self._launches)}
        with open_log(self.log) as log:
            self._process = subprocess.Popen(
                [
                    *process_setup.command(),
                    *(str(executable), *server_arguments(arguments)),
                ],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.settings.log_to_stderr else log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the launcher, which ends the server in order
            )
        self._launches += 1
        if self._process.stdout is not None:
            self._relay = LogRelay(self._process.stdout, self.log)

    def _wait_until_ready(self, on_model_ready: Callable[[int], None]) -> None:
        def look() -> None:
            if self._process is None or self._process.poll() is not None:
                raise self._start_error()
            self._cleanup.remember(self._process.pid)
            self._memory.make_private()
            # the ports open only after all models have loaded; until then the log shows the progress
            on_model_ready(self.log.read_text(errors="replace").count("successfully loaded '"))

        seconds = self.settings.start_timeout_s
        silent = wait_until_ready((f"{self.http_url}/v2/health/ready", self.metrics_url), seconds, look)
        if silent is not None:
            raise ServerStartError(f"not ready after {seconds:.0f} s: no answer from {silent}", self.log)

    def _start_error(self) -> ServerStartError:
        if self._relay is not None:
            self._relay.wait()
        fault = network_fault(self.settings.repository)
        code = self._process.poll() if self._process is not None else None
        crashed = fault is None and code is not None and code < 0
        reason = fault or reason_in_log(self.log)
        may_pass = crashed or passing_reason(self.log) is not None
        return ServerStartError(f"it crashed: {reason}" if crashed else reason, self.log, may_pass=may_pass)

    def is_running(self) -> bool:
        """Whether tritonserver is alive; says nothing about its steps."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> int:
        """Waits for tritonserver to end by itself and returns its exit code."""
        if self._process is None:
            raise SetupError("the server is not running")
        return self._process.wait()

    def stop(self, drain_s: float | None = None, *, broken: bool = False) -> Stopped:
        """Stops the server: new requests are refused, those in flight finish, then every process and region goes.

        Safe to call twice and at any moment of `start`. A second Ctrl-C while draining ends it at once.

        Args:
            drain_s: how long requests in flight may take; by default the settings' `drain_timeout_s`.
            broken: a part of it has died; it is killed after the drain instead of asked to end.
        """
        process, lost = self._process, None
        try:
            lost = self._let_finish(self.drain_timeout_s if drain_s is None else drain_s)
            if process is not None and process.poll() is None:
                self._cleanup.remember(process.pid)
                process.send_signal(signal.SIGKILL if broken else signal.SIGTERM)
                process.wait(END_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            pass
        finally:
            self._kill_what_is_left(at_once=broken)
            self._process, self._ready = None, False
        return Stopped(lost)

    def _let_finish(self, seconds: float) -> int | None:
        """Accepts no more requests and waits for those in flight; how many are left, or None where that is unknown."""
        if self._process is None or self._folder is None or not self._ready:
            return 0
        withdrawn = entry_points(self._folder.models)
        withdraw(self._folder.models, withdrawn)
        if wait_until_drained(self.metrics_url, withdrawn, seconds, self.is_running):
            return 0
        return requests_in_flight(self.metrics_url, self.buffers)

    def kill(self) -> None:
        """Ends tritonserver at once, from any thread or signal handler; `stop` clears up after it."""
        process = self._process
        if process is not None:
            process.kill()

    def _kill_what_is_left(self, *, at_once: bool) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._cleanup.end_children(at_once=at_once)
        self._memory.delete()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None
