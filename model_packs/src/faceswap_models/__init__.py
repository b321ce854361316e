"""Model packs: prepares the ONNX networks that are served, and lays out the model repository."""

from faceswap_contract.version import __version__

__all__ = ["__version__"]
