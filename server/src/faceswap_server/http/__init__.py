"""The HTTP front: what listens where others can reach it, and passes inference on to Triton on loopback.

docs/deploy/security.md says what it lets through, what it refuses and what it does not protect against.
"""

from faceswap_server.http.access_token import AccessToken, read_token
from faceswap_server.http.listening import FrontRefused, ListenAddress, parse_listen_address
from faceswap_server.http.server import FrontServer, Health, Upstream, checked_front
from faceswap_server.http.settings import FrontSettings

__all__ = [
    "AccessToken",
    "FrontRefused",
    "FrontServer",
    "FrontSettings",
    "Health",
    "ListenAddress",
    "Upstream",
    "checked_front",
    "parse_listen_address",
    "read_token",
]
