"""Content gate: installs a published image classifier that refuses requests, or removes it.

A gate is the classifier's network with its preprocessing as part of the graph, and `gate.json` with the operator's
choice: which classes refuse, from which score on. Without a gate the model repository holds a placeholder network.
The command is `python -m faceswap_models.content_gate NAME`.
"""

from faceswap_models.content_gate.install import delete_gate, install_gate, place_placeholder, remove_gate, write_gate
from faceswap_models.content_gate.prepare import GatePreparationError, prepare_gate

__all__ = [
    "GatePreparationError",
    "delete_gate",
    "install_gate",
    "place_placeholder",
    "prepare_gate",
    "remove_gate",
    "write_gate",
]
