"""A server that is watched and, when it fails, started again: by its processes, and by real swaps."""

from faceswap_tools.supervision.restart_policy import RestartPolicy
from faceswap_tools.supervision.server import RestartableServer
from faceswap_tools.supervision.state import Phase, ServerState, SupervisedServer
from faceswap_tools.supervision.supervisor import Outcome, SupervisionSettings, Supervisor

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
