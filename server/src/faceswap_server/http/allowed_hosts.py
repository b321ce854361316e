"""Host header check of a front without a token, against DNS rebinding.

A page in a browser on this machine can point a name of its own at 127.0.0.1 and then read our answers; the browser
still sends that name as Host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from faceswap_server.http.http_error import HttpError


class AllowedHosts:
    """ASGI layer: the Host of a request is an IP address, `localhost`, or one of `names`.

    Addresses are safe: a page whose origin is an address was served from there.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names) | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises HttpError (BAD_REQUEST)."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and not self._allows(value):
                    raise HttpError("BAD_REQUEST", "the Host header is none of FACESWAP_FRONT_ALLOWED_HOSTS")
        await self._app(scope, receive, send)

    def _allows(self, value: bytes) -> bool:
        try:
            host = urlsplit(f"//{value.decode('ascii')}").hostname or ""
            if host in self._names:
                return True
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
