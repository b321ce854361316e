"""Chooses free ports on loopback for a server that opens them seconds later.

Triton opens its ports only after every model has loaded, seconds to minutes after they were chosen, and a server that
is started again wants the same ones. In between, every outgoing connection gets a port of the kernel's ephemeral range,
so free ports are taken from outside it.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

from faceswap_server.triton.errors import SetupError

HOST = "127.0.0.1"

EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""First and last port the kernel hands out by itself (Linux, Documentation/networking/ip-sysctl.rst)."""
LOWEST = 10_000
"""Below it many programs have their default port."""
HIGHEST = 65_535
ATTEMPTS = 64
"""Candidates that may be taken before the kernel is asked after all."""


def choose_ports(wanted: tuple[int, int, int]) -> tuple[int, int, int]:
    """The ports asked for, or free ones where 0 was; raises SetupError, which names a port that is taken."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(_reserve(port) if port else _reserve_free()) for port in wanted]
        http, grpc, metrics = (int(reserved.getsockname()[1]) for reserved in sockets)
        return http, grpc, metrics


def free_port() -> int:
    """A port that is free now, and that the kernel assigns to no connection."""
    with _reserve_free() as reserved:
        return int(reserved.getsockname()[1])


def _reserve_free() -> socket.socket:
    candidates = _outside(*_ephemeral_range())
    for port in random.sample(candidates, min(ATTEMPTS, len(candidates))):
        with suppress(OSError):
            return _bound(port)
    return _reserve(0)


def _reserve(port: int) -> socket.socket:
    try:
        return _bound(port)
    except PermissionError:
        raise SetupError(f"port {port} on {HOST} may not be opened by this user; choose one above 1023") from None
    except OSError:
        raise SetupError(f"port {port} on {HOST} is already in use; choose another or leave it free") from None


def _bound(port: int) -> socket.socket:
    reserved = socket.socket()
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((HOST, port))
    except OSError:
        reserved.close()
        raise
    return reserved


def _ephemeral_range() -> tuple[int, int]:
    try:
        first, last = map(int, EPHEMERAL_RANGE.read_text().split())
    except (OSError, ValueError):
        return LOWEST, HIGHEST  # unknown: the kernel chooses
    return first, last


def _outside(first: int, last: int) -> list[int]:
    return [*range(LOWEST, min(first, HIGHEST + 1)), *range(max(last + 1, LOWEST), HIGHEST + 1)]
