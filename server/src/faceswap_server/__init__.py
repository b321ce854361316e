"""Server: tritonserver, supervisor, HTTP server, RunPod worker, doctor."""

from faceswap_contract.version import __version__

__all__ = ["__version__"]
