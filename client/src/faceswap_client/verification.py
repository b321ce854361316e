"""Deprecated name of `faceswap_client.images.verification`."""

from __future__ import annotations

from typing import Any

from faceswap_client._deprecated import renamed


def __getattr__(name: str) -> Any:
    if name == "NotAPictureError":
        return renamed(__name__, name, "faceswap_client.images.verification", {name: "NotAnImageError"})
    return renamed(__name__, name, "faceswap_client.images.verification")
