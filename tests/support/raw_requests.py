"""HTTP/1 and gRPC requests with any bytes in their headers, which no client library would send."""

from __future__ import annotations

import socket

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7  # RFC 9113, section 6
_END_STREAM, _END_HEADERS = 1, 4
_LONGEST = 127  # of a name or value: HPACK then needs one byte for the length (RFC 7541, section 5.1)

Header = tuple[bytes, bytes]


def raw_http(port: int, path: str, header: Header, line_end: bytes = b"\r\n") -> bytes:
    """What a server on loopback answers to a GET; empty where it closes the connection instead."""
    lines = [f"GET {path} HTTP/1.1".encode(), b"Host: x", b": ".join(header), b"", b""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(line_end.join(lines))
        try:
            return connection.recv(65536)
        except ConnectionResetError:
            return b""


def raw_grpc(port: int, method: str, header: Header) -> bytes:
    """Every byte of a call's HTTP/2 answer, with an empty request message; ends with the stream."""
    head = [
        *((b":method", b"POST"), (b":scheme", b"http"), (b":path", method.encode()), (b":authority", b"x")),
        *((b"te", b"trailers"), (b"content-type", b"application/grpc"), header),
    ]
    block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in head)
    request = _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _END_HEADERS, 1, block)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(_PREFACE + request + _frame(_DATA, _END_STREAM, 1, bytes(5)))
        answer = bytearray()
        while not _has_ended(answer):
            received = connection.recv(65536)
            if not received:
                break
            answer += received
    return bytes(answer)


def _text(value: bytes) -> bytes:
    if len(value) >= _LONGEST:
        raise ValueError(f"a name or value of {len(value)} bytes; at most {_LONGEST - 1} can be written here")
    return bytes([len(value)]) + value


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _has_ended(answer: bytearray) -> bool:
    """Whether the stream was ended: by its trailers, a reset, or the whole connection's end."""
    position = 0
    while len(answer) >= position + 9:
        kind, flags = answer[position + 3], answer[position + 4]
        if kind in (_RST_STREAM, _GOAWAY) or (kind == _HEADERS and flags & _END_STREAM):
            return True
        position += 9 + int.from_bytes(answer[position : position + 3], "big")
    return False
