"""Server addresses: parses host, port, protocol and TLS from text."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

GRPC_PORT = 8001  # Triton's default
_EXPECTED = "expected HOST:PORT, grpc://HOST:PORT, grpcs://HOST:PORT, http://HOST:PORT or https://HOST:PORT"


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address."""

    protocol: str  # "grpc" or "http"
    secure: bool  # TLS
    target: str  # gRPC: HOST:PORT; HTTP: the URL without a trailing slash
    host: str

    @property
    def loopback(self) -> bool:
        """True for this machine; proxies from the environment are not used then."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> Address:
    """Reads an address; without a scheme it is gRPC, and gRPC without a port is port 8001.

    Raises:
        ValueError: not one of the forms in the message.
    """
    with_scheme = text if "://" in text else f"grpc://{text}"
    try:
        parts = urlsplit(with_scheme)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"server address {text!r} cannot be read ({error}); {_EXPECTED}") from None
    if parts.scheme not in ("grpc", "grpcs", "http", "https") or not host or parts.query or parts.fragment:
        raise ValueError(f"server address {text!r} cannot be read; {_EXPECTED}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a server address cannot hold a user name or password; send a header instead")
    if parts.scheme in ("http", "https"):
        return Address("http", parts.scheme == "https", with_scheme.rstrip("/"), host)
    if parts.path not in ("", "/"):
        raise ValueError(f"server address {text!r} cannot be read (gRPC has no path); {_EXPECTED}")
    bracketed = f"[{host}]" if ":" in host else host
    return Address("grpc", parts.scheme == "grpcs", f"{bracketed}:{port or GRPC_PORT}", host)
