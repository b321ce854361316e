"""A server that is watched and, when it fails, started again: by its processes, and by real swaps."""

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
