"""Ports on loopback."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from faceswap_tools.local_server.carried_triton import SetupError

HOST = "127.0.0.1"


def choose_ports(wanted: tuple[int, int, int]) -> tuple[int, int, int]:
    """The ports asked for, or free ones where 0 was; raises SetupError, which names a port that is taken."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(_reserve(port)) for port in wanted]
        http, grpc, metrics = (int(reserved.getsockname()[1]) for reserved in sockets)
        return http, grpc, metrics


def _reserve(port: int) -> socket.socket:
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reserved.bind((HOST, port))
    except PermissionError:
        reserved.close()
        raise SetupError(f"port {port} on {HOST} may not be opened by this user; choose one above 1023") from None
    except OSError:
        reserved.close()
        raise SetupError(f"port {port} on {HOST} is already in use; choose another or leave it free") from None
    return reserved
