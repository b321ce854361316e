"""Runs an image's entry point in mount and process namespaces, without network isolation.

Every mount is made inside the namespace and ends with it, so nothing of it can be left behind.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil

from faceswap_tools.image_proof.builder import ImageConfig, ProofFailed

_MOUNTS = """
set -eu
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o "size=$shm,mode=1777" shm "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -o remount,bind,ro "$root"
"""


class IsolatedRun:
    """`with IsolatedRun(root, config, {...}) as run:` the entry point is running; leaving ends it, whatever happens."""

    def __init__(
        self,
        root: Path,
        config: ImageConfig,
        environment: Mapping[str, str],
        log: Path,
        *,
        arguments: Sequence[str] = (),
        shm: str = "1g",
    ) -> None:
        self._root = root
        self._config = config
        self._environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **config.environment, **environment}
        self._arguments = arguments
        self._shm = shm
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> IsolatedRun:
        command = self._inside([*self._config.entrypoint, *self._arguments])
        script = f"root={shlex.quote(str(self._root))} shm={self._shm}\n{_MOUNTS}\nexec {shlex.join(command)}"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "unshare",
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--propagation",
                    "private",
                    "sh",
                    "-c",
                    script,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        if process.poll() is None:
            process.kill()  # takes the namespace's first process, and with it all others
            process.wait()

    @property
    def first_process(self) -> psutil.Process:
        """The namespace's process 1, as seen from outside; raises ProofFailed when it has ended."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                children = psutil.Process(self._running().pid).children()
            except psutil.NoSuchProcess:
                break
            if children:
                return children[0]
            time.sleep(0.02)
        raise ProofFailed(f"the entry point ended: {self.last_words()}")

    def run_inside(self, command: Sequence[str], timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """`docker exec`: a command in the same namespaces, as the image's user."""
        entering = ["nsenter", "--target", str(self.first_process.pid), "--mount", "--pid"]
        return subprocess.run(
            [*entering, *self._inside(command)], capture_output=True, text=True, timeout=timeout, check=False
        )

    def health_check(self) -> subprocess.CompletedProcess[str]:
        """The image's HEALTHCHECK, once."""
        kind, *command = self._config.health_check
        if kind != "CMD":
            raise ProofFailed(f"HEALTHCHECK is {kind}, not CMD")
        return self.run_inside(command)

    def stop(self, timeout: float = 60.0) -> int:
        """`docker stop`: the image's stop signal; the exit code."""
        self.first_process.send_signal(getattr(signal, self._config.stop_signal))
        return self.wait(timeout)

    def wait(self, timeout: float) -> int:
        """The exit code once it has ended; raises ProofFailed when it does not."""
        try:
            return self._running().wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProofFailed(f"it has not ended after {timeout:g} s: {self.last_words()}") from None

    def has_ended(self) -> bool:
        return self._running().poll() is not None

    def last_words(self) -> str:
        """The end of its log."""
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-3:])[-500:]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ProofFailed("it was not started")
        return self._process

    def _inside(self, command: Sequence[str]) -> list[str]:
        user, _, group = self._config.user.partition(":")
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        return [
            *("chroot", str(self._root)),
            *("setpriv", "--reuid", user, "--regid", group or user, "--clear-groups", "--no-new-privs"),
            *("--inh-caps=-all", "--bounding-set=-all"),
            *("env", "-i", f"--chdir={self._config.working_directory}", *variables),
            *command,
        ]
