"""Container health check (HEALTHCHECK): `python -m faceswap_server.runpod.health` swaps a face, exit code 0 or 1.

Triton's own readiness is not enough: before 26.04 it stays ready when a Python step has died. A server that
answers SERVER_BUSY is healthy: ending a worker under load would make it worse. One that does not answer within the
timeout is unhealthy; three failures in a row are needed (Dockerfile).
"""

from __future__ import annotations

import sys

from faceswap_server.runpod.settings import BadSettings, settings_from_environment
from faceswap_server.supervision import Phase, swap_probe
from faceswap_server.supervision.state import read_state

SECONDS = 15.0
"""Time for one swap; shorter than the Dockerfile's timeout, so that the reason is printed."""


def main() -> int:
    """One line on stdout, which `docker inspect` shows; 0 healthy, 1 not."""
    code, line = look()
    sys.stdout.write(f"{line}\n")
    return code


def look() -> tuple[int, str]:
    """The exit code and its reason."""
    try:
        path = settings_from_environment().state_file
    except BadSettings as error:
        return 1, str(error)
    if path is None:
        return 1, "FACESWAP_STATE_FILE is not set, for the worker and for this check alike"
    state = read_state(path)
    if state is None:
        return 1, "the worker has not said yet how its server is"
    if state.phase is not Phase.HEALTHY:
        reason = f": {state.last_reason}" if state.last_reason else ""
        return 1, f"the worker's server is {state.phase.value}{reason}"
    try:
        swap_probe.check_swap(state.http, SECONDS)
    except swap_probe.NotReady as error:
        refused = error.busy and "DEADLINE_EXCEEDED" not in str(error)
        return (0, f"busy: {error}") if refused else (1, str(error))
    return 0, "a swap works"


if __name__ == "__main__":
    sys.exit(main())
