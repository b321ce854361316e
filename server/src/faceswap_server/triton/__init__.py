"""tritonserver on this machine: locate a binary, start it, watch its processes, drain and stop it."""

from faceswap_server.triton.bundled import BundledTriton
from faceswap_server.triton.drain import Stopped
from faceswap_server.triton.errors import ServerStartError, SetupError
from faceswap_server.triton.locator import TritonLocator
from faceswap_server.triton.native import NativeTriton
from faceswap_server.triton.settings import ServerSettings
from faceswap_server.triton.triton_server import TritonServer

__all__ = [
    "BundledTriton",
    "NativeTriton",
    "ServerSettings",
    "ServerStartError",
    "SetupError",
    "Stopped",
    "TritonLocator",
    "TritonServer",
]
