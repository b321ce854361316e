"""Failing starts: each reason must be one clear line and an exit code, and nothing may be left behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from faceswap_core.buffers.server_processes import SHARED_MEMORY
from faceswap_server.exit_codes import ExitCode

from faceswap_tools.benchmarks.table import Row
from faceswap_tools.benchmarks.targets import at_most
from faceswap_tools.chaos.incident import Incident

PATIENCE_S = 60.0
PROGRAM = "faceswap serve: "


def failed_starts(repository: Path, scratch: Path) -> list[Incident]:
    """A port that is taken, a missing and a half-written network; where we may mount, a small /dev/shm, a full disk."""
    half, missing = (_copy(repository, scratch / name) for name in ("half", "missing"))
    network = half / "det_10g" / "1" / "model.onnx"
    network.write_bytes(network.read_bytes()[:5000])
    (missing / "inswapper_128" / "1" / "model.onnx").unlink()
    incidents = [
        _port_taken(repository, scratch),
        _start("start with a half-written network", [f"--repository={half}"], scratch),
        _start("start without a network", [f"--repository={missing}"], scratch),
    ]
    if may_mount():
        small = scratch / "small"
        small.mkdir()
        serve = [f"--repository={repository}"]
        incidents += [
            _start("start with 64 MB of /dev/shm", serve, scratch, mount=str(SHARED_MEMORY), size="64m"),
            _start(
                "start with a full disk under the log",
                [*serve, f"--log={small / 'server.log'}"],
                scratch,
                mount=str(small),
                size="4k",
            ),
        ]
    return incidents


def may_mount() -> bool:
    """Whether this process may mount in a new namespace (root, outside a locked-down container)."""
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)  # noqa: S607
    return os.geteuid() == 0 and tried.returncode == 0


def _copy(repository: Path, to: Path) -> Path:
    return Path(shutil.copytree(repository, to))


def _port_taken(repository: Path, scratch: Path) -> Incident:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        return _start("start on a port that is taken", [f"--repository={repository}", f"--grpc-port={port}"], scratch)


def _start(done: str, arguments: Sequence[str], scratch: Path, mount: str = "", size: str = "") -> Incident:
    ports = [f"--{name}-port=0" for name in ("http", "grpc", "metrics") if f"--{name}-port" not in str(arguments)]
    log = [] if "--log" in str(arguments) else [f"--log={scratch / 'failed.log'}"]
    command = [sys.executable, "-m", "faceswap_server.serve", *ports, *log, *arguments]
    if mount:
        # the mount is gone with the namespace; all but /dev/shm is filled
        fill = "" if mount == str(SHARED_MEMORY) else 'head -c 1G /dev/zero > "$1/full" 2>/dev/null; '
        script = f'mount -t tmpfs -o size="$2" tmpfs "$1" && {{ {fill}shift 2; exec "$@"; }}'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", mount, size, *command]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    lines = [line for line in ended.stderr.splitlines() if line.startswith(PROGRAM)]
    tracebacks = ended.stderr.count("Traceback")
    return Incident(
        done,
        Counter([lines[-1].removeprefix(PROGRAM) if lines else f"exit code {ended.returncode} without a line"]),
        0,
        rows=(
            at_most(f"{done}: distance to one line", abs(len(lines) - 1), 0.0, "lines", 0),
            at_most(f"{done}: tracebacks", tracebacks, 0.0, "", 0),
            Row(
                f"{done}: exit code",
                ended.returncode,
                0.0,
                "",
                str(int(ExitCode.CANNOT_START)),
                ended.returncode == ExitCode.CANNOT_START,
            ),
        ),
    )
