"""Which addresses a caller's URL may lead to: the public internet's only.

Whether an address is public is judged by the RunPod SDK's own guard (`rp_ssrf.is_safe_address`), which knows the
ranges that Python calls global and that are not. Its `safe_get` does not serve here: it follows redirects to plain
http, bounds each read but not the whole download, and holds a thread for as long as the other side likes.
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
    """The host has no address, or one that is not public. Says no more: what it resolves to is not the caller's."""


async def public_addresses(host: str, port: int) -> list[str]:
    """Every address of a host, all of them public, or NotPublic: one private address among them is a trick."""
    from runpod.serverless.utils.rp_ssrf import is_safe_address  # noqa: PLC0415 (takes seconds)

    addresses = await any_addresses(host, port)
    if not all(is_safe_address(address) and not _hides_ipv4(address) for address in addresses):
        raise NotPublic
    return addresses


async def any_addresses(host: str, port: int) -> list[str]:
    """Every address of a host; for a desk, where images and buckets are local."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotPublic from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _hides_ipv4(text: str) -> bool:
    # a gateway would unwrap these to an IPv4 address that nobody has judged
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return False
    return address in _NAT64 or address.sixtofour is not None or address.teredo is not None
