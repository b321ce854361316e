"""Connection limit of a port: fair among client addresses, callers without a token go first, health keeps a reserve."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Protocol

from faceswap_server.http.settings import FrontSettings

RESERVE = 8
"""Connections beyond the limit on which only health and metrics are answered."""

_IPV6_NETWORK_BITS = 64
"""What one IPv6 subscriber has at least (RFC 6177), so what counts as one address."""


class Connection(Protocol):
    """What the room needs to know of a connection."""

    network: str
    port: int
    in_reserve: bool

    @property
    def is_known(self) -> bool:
        """Whether it has shown the token, or, where none is asked for, a whole request."""

    def drop(self) -> None:
        """Closes it at once."""


class ConnectionRoom:
    """The open connections of each port, oldest first; lives in the server's event loop.

    Ports are counted apart, so that callers cannot keep a health check on a port of its own out.
    """

    def __init__(self, settings: FrontSettings) -> None:
        self._most = settings.max_connections
        self._most_unknown = max(1, int(settings.max_connections * settings.address_share))
        self._ports: dict[int, list[Connection]] = {}

    def admit(self, new: Connection) -> int:
        """Takes a connection in, and drops older ones where there is no room; returns how many were dropped.

        An address may have `address_share` of the limit in unknown connections. When the port is full, the oldest
        unknown connection of the address with most of them goes. When all are known, the new one is in the reserve.
        """
        here = self._ports.setdefault(new.port, [])
        victims: list[Connection] = []
        unknown = [each for each in here if not each.is_known and not each.in_reserve]
        same = [each for each in unknown if each.network == new.network]
        if len(same) >= self._most_unknown:
            victims.append(same[0])
        elif sum(not each.in_reserve for each in here) >= self._most:
            if unknown:
                largest = Counter(each.network for each in unknown).most_common(1)[0][0]
                victims.append(next(each for each in unknown if each.network == largest))
            else:
                new.in_reserve = True
                reserve = [each for each in here if each.in_reserve]
                victims += reserve[: max(0, len(reserve) - RESERVE + 1)]
        for victim in victims:
            here.remove(victim)
            victim.drop()
        here.append(new)
        return len(victims)

    def leave(self, connection: Connection) -> None:
        """Forgets a closed connection; one that was dropped is forgotten already."""
        here = self._ports.get(connection.port, [])
        if connection in here:
            here.remove(connection)


def network_of(host: str) -> str:
    """What counts as one client address: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), _IPV6_NETWORK_BITS), strict=False))
    return str(address)
