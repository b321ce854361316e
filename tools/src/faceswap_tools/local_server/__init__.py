"""The real tritonserver on this machine: found, started, watched, ended."""

from faceswap_tools.local_server.carried_triton import SetupError
from faceswap_tools.local_server.drain import Stopped
from faceswap_tools.local_server.triton_process import LocalServer, ServerSettings, ServerStartError

__all__ = ["LocalServer", "ServerSettings", "ServerStartError", "SetupError", "Stopped"]
