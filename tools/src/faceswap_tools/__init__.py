"""Tools for developers: benchmarks, parity, load, chaos, soak, fuzzing, fakes. Never in an image."""

from faceswap_contract.version import __version__

__all__ = ["__version__"]
