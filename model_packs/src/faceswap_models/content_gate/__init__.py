"""Puts a content gate into a model repository, or takes it out: `python -m faceswap_models.content_gate NAME`.

A gate is somebody's published classifier with its preprocessing grafted on, and `gate.json` with what the operator
chose: which classes refuse, from which score on. Without a gate a placeholder network keeps its place in the line.
"""

from faceswap_models.content_gate.install import install_gate, place_placeholder, remove_gate
from faceswap_models.content_gate.prepare import GatePreparationError, prepare_gate

__all__ = ["GatePreparationError", "install_gate", "place_placeholder", "prepare_gate", "remove_gate"]
