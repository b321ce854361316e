"""The real tritonserver on this machine: found, started, watched, ended."""

from faceswap_server.triton.bundled import SetupError
from faceswap_server.triton.drain import Stopped
from faceswap_server.triton.triton_server import ServerSettings, ServerStartError, TritonServer

__all__ = ["ServerSettings", "ServerStartError", "SetupError", "Stopped", "TritonServer"]
