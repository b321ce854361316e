"""`python -m faceswap_tools.fakes.control_plane`: a fake RunPod API on loopback with a real worker behind it.

What speaks to RunPod (RunPodClient, client/typescript, curl) can be tried against it without an account.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from faceswap_tools.fakes.control_plane import API_KEY, ENDPOINT, ControlPlane

READY = "All fitness checks passed"
START_SECONDS = 300.0
STOP_SECONDS = 60.0
LOOK_SECONDS = 0.2


def main() -> int:
    """Runs until Ctrl-C or the worker's end; returns the worker's exit code."""
    options = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="faceswap-fake-runpod-") as scratch, ControlPlane(options.port) as plane:
        log = options.log or Path(scratch) / "worker.log"
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "-m", "faceswap_server.runpod"],
                env={**os.environ, **plane.worker_environment()},
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        try:
            if not wait_until_ready(worker, log):
                sys.stderr.write(log.read_text(errors="replace")[-3000:])
                return worker.poll() or 1
            sys.stdout.write(instructions(plane))
            sys.stdout.flush()
            return worker.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            stop(worker)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m faceswap_tools.fakes.control_plane",
        description="Starts a fake RunPod API on 127.0.0.1 with a real worker behind it. The worker reads its "
        "environment variables (docs/reference/environment.md); after `make pack` it needs none.",
    )
    parser.add_argument("--port", type=int, default=8020, help="of the fake API; 0 takes a free one (default: 8020)")
    parser.add_argument("--log", type=Path, help="where the worker's log goes (default: a temporary file)")
    return parser.parse_args()


def wait_until_ready(worker: subprocess.Popen[bytes], log: Path) -> bool:
    """Whether the worker said within START_SECONDS that it takes jobs."""
    deadline = time.monotonic() + START_SECONDS
    while worker.poll() is None and time.monotonic() < deadline:
        if READY in log.read_text(errors="replace"):
            return True
        time.sleep(LOOK_SECONDS)
    return False


def instructions(plane: ControlPlane) -> str:
    """What to set in a program that speaks to RunPod, and a first job."""
    return f"""\
The worker takes jobs. Ctrl-C stops it.
  base URL   {plane.base_url}      RUNPOD_BASE_URL; `base_url=` of RunPodClient
  endpoint   {ENDPOINT}
  API key    {API_KEY}
A first job:
  python -c "from faceswap_client import RunPodClient; \\
    RunPodClient('{ENDPOINT}', '{API_KEY}', base_url='{plane.base_url}').swap('me.jpg', 'group.jpg').save('out.jpg')"
"""


def stop(worker: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL when the worker does not end."""
    if worker.poll() is None:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
