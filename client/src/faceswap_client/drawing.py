"""Deprecated name of `faceswap_client.images.drawing`."""

from __future__ import annotations

from typing import Any

from faceswap_client._deprecated import renamed


def __getattr__(name: str) -> Any:
    return renamed(__name__, name, "faceswap_client.images.drawing")
