"""HTTP server in front of Triton: guarded connections, KServe v2 proxy and plain API.

docs/deploy/security.md says what it lets through, what it refuses and what it does not protect against.
"""

from faceswap_server.http.access_token import AccessToken, read_token
from faceswap_server.http.listening import FrontRefused, ListenAddress, parse_listen_address
from faceswap_server.http.server import FrontServer, checked_front
from faceswap_server.http.settings import FrontSettings, Routes
from faceswap_server.http.upstream import Upstream

__all__ = [
    "AccessToken",
    "FrontRefused",
    "FrontServer",
    "FrontSettings",
    "ListenAddress",
    "Routes",
    "Upstream",
    "checked_front",
    "parse_listen_address",
    "read_token",
]
