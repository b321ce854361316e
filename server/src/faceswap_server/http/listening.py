"""Listen addresses and sockets of the HTTP server."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from faceswap_server.triton import SetupError


class FrontRefused(SetupError):
    """The front cannot be started like this; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An IP address of this machine and a port; port 0 takes a free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress:
    """Reads `HOST:PORT`, where HOST is an IP address (IPv6 in brackets) or `localhost`.

    A name is not looked up: what it stands for can change, and with it who can reach the port.

    Raises:
        FrontRefused: anything else.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
        host = "127.0.0.1" if host == "localhost" else str(ipaddress.ip_address(host))
    except ValueError:
        raise FrontRefused(f"--listen {text!r}: expected IP-ADDRESS:PORT, for example 0.0.0.0:8080") from None
    if port is None or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise FrontRefused(f"--listen {text!r}: expected IP-ADDRESS:PORT, for example 0.0.0.0:8080")
    return ListenAddress(host, port)


def listen(address: ListenAddress) -> socket.socket:
    """A socket bound to `address`.

    Raises:
        FrontRefused: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # the protocol by name, because asyncio switches Nagle's delay off only where it reads TCP: 40 ms an answer
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
    except OSError as error:
        listening.close()
        raise FrontRefused(f"cannot listen on {address}: {error.strerror}") from None
    return listening
