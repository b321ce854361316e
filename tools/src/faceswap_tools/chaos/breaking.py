"""Faults under load: killed processes and a stopped server."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from faceswap_server.exit_codes import ExitCode
from faceswap_server.supervision import Phase, RestartPolicy, SupervisionSettings, Supervisor
from faceswap_server.triton import ServerSettings, TritonServer

from faceswap_tools.benchmarks.table import Row
from faceswap_tools.benchmarks.targets import at_most
from faceswap_tools.chaos.callers import ANSWERED, Callers
from faceswap_tools.chaos.incident import Incident
from faceswap_tools.chaos.killing import kill_server, kill_stub, seconds_to_recover

CALLERS = 4
PATIENCE_S = 120.0
KILLED_STEPS = ("decode_images", "align_faces", "paste_faces", "det_10g", "inswapper_128")


def supervised(repository: Path, log: Path) -> Supervisor:
    """A running server under a supervisor that may restart it as often as this needs; raises TimeoutError."""
    policy = RestartPolicy(limit=50, first_delay_s=0.2, factor=1.0)
    supervisor = Supervisor(
        TritonServer(ServerSettings(repository, log=log)), SupervisionSettings(restarts=policy, failure_drain_s=2.0)
    )
    supervisor.start()
    wait_until_healthy(supervisor)
    return supervisor


def wait_until_healthy(supervisor: Supervisor, restarts: int = 0) -> None:
    """Until it is healthy after at least so many restarts; raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        state = supervisor.state()
        if state.phase is Phase.HEALTHY and state.restarts >= restarts:
            return
        if time.monotonic() > deadline or state.phase is Phase.FAILED:
            raise TimeoutError(f"the server is {state.phase.value}: {state.last_reason}")
        time.sleep(0.05)


def kill_parts(supervisor: Supervisor) -> list[Incident]:
    """Each step's process once, and tritonserver."""
    server = supervisor.server
    acts: list[tuple[str, Callable[[], object]]] = [
        *((f"kill -9 {model}", lambda model=model: kill_stub(server.pid, model)) for model in KILLED_STEPS),
        ("kill -9 tritonserver", lambda: kill_server(server.pid)),
    ]
    return [_killed(supervisor, done, act) for done, act in acts]


def _killed(supervisor: Supervisor, done: str, act: Callable[[], object]) -> Incident:
    address, restarts = supervisor.server.grpc_address, supervisor.state().restarts
    with Callers(address, CALLERS) as callers:
        callers.wait_for_answers(CALLERS)
        act()
        back = seconds_to_recover(address, PATIENCE_S, in_a_row=4)
        wait_until_healthy(supervisor, restarts + 1)
        callers.wait_for_answers(2 * CALLERS)
    return Incident(done, callers.outcomes, callers.lost, back)


def stop_in_order(supervisor: Supervisor) -> Incident:
    """SIGTERM's path: what was accepted is answered, new requests are refused, the exit code is 0.

    A call counts as accepted when it had been under way for longer than its way to the first step takes.
    """
    done = "SIGTERM under load"
    with Callers(supervisor.server.grpc_address, CALLERS) as callers:
        callers.wait_for_answers(2 * CALLERS)
        stopped_at = time.monotonic()
        supervisor.request_stop()
        outcome = supervisor.wait(PATIENCE_S)
        time.sleep(0.5)
    on_its_way_s = 0.1
    accepted = [call for call in callers.calls if call.began < stopped_at - on_its_way_s and call.ended > stopped_at]
    unanswered = sum(call.outcome != ANSWERED for call in accepted)
    code = -1 if outcome is None else int(outcome.code)
    return Incident(
        done,
        callers.outcomes,
        unanswered,
        rows=(
            Row(f"{done}: accepted requests in flight", len(accepted), 0.0, "requests"),
            at_most(f"{done}: exit code", abs(code), 0.0, "", int(ExitCode.STOPPED)),
        ),
    )
