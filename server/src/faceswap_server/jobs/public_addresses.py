"""Address check against SSRF: a caller's URL may resolve to public addresses only.

`rp_ssrf.is_safe_address` of the RunPod SDK decides whether an address is public; it knows the ranges that Python
calls global and that are not. The SDK's `safe_get` is not used: it follows redirects to plain http, limits the time
of each read but not of the whole download, and blocks a thread until the other side ends.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to the addresses to connect to; raises NotPublic."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address inside an IPv6 one


class NotPublic(Exception):
    """The host has no address, or one that is not public; without a message, so that callers cannot probe DNS."""


async def public_addresses(host: str, port: int) -> list[str]:
    """Every address of a host, all of them public, or NotPublic: a single private address is enough to refuse."""
    from runpod.serverless.utils.rp_ssrf import is_safe_address  # noqa: PLC0415 (takes seconds)

    addresses = await any_addresses(host, port)
    if not all(is_safe_address(address) and not _hides_ipv4(address) for address in addresses):
        raise NotPublic
    return addresses


async def any_addresses(host: str, port: int) -> list[str]:
    """Every address of a host; for local development, where images and buckets are local."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotPublic from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _hides_ipv4(text: str) -> bool:
    # a NAT64, 6to4 or Teredo gateway would unwrap these to an IPv4 address that was not checked
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return False
    return address in _NAT64 or address.sixtofour is not None or address.teredo is not None
