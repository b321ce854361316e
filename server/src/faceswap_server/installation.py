"""The pip command that adds an extra of faceswap-server, for messages that say what is missing."""

from __future__ import annotations


def install_command(extra: str) -> str:
    """Installs the server with an extra from a checkout; no package of this project is looked for on an index."""
    return f"pip install ./client ./python_backend ./model_packs './server[{extra}]'"
