"""Supervision: health checks by real swaps, restarts with back-off, graceful stop, state file."""

from faceswap_server.supervision.restart_policy import RestartPolicy
from faceswap_server.supervision.server import RestartableServer
from faceswap_server.supervision.state import Phase, ServerState, SupervisedServer
from faceswap_server.supervision.supervisor import Outcome, SupervisionSettings, Supervisor

__all__ = [
    "Outcome",
    "Phase",
    "RestartPolicy",
    "RestartableServer",
    "ServerState",
    "SupervisedServer",
    "SupervisionSettings",
    "Supervisor",
]
