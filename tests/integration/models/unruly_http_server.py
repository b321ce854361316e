"""A loopback HTTP server that misbehaves on demand, for download tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class UnrulyServer:
    """What each path does, and the requests that came."""

    url: str
    behaviours: dict[str, Callable[[Request], None]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)  # path and Range header, in order
    closing: threading.Event = field(default_factory=threading.Event)

    def on(self, path: str, behaviour: Callable[[Request], None]) -> str:
        """Sets what `path` does; returns its address."""
        self.behaviours[path] = behaviour
        return f"{self.url}{path}"


class Request(BaseHTTPRequestHandler):
    """One request, with the moves a behaviour is made of."""

    protocol_version = "HTTP/1.1"
    unruly: UnrulyServer

    def do_GET(self) -> None:
        self.unruly.requests.append((self.path, self.headers.get("Range", "")))
        self.close_connection = True
        with suppress(BrokenPipeError, ConnectionResetError):  # the client had enough
            self.unruly.behaviours[self.path](self)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests' output is theirs."""

    @property
    def offset(self) -> int:
        """First byte asked for."""
        return int(self.headers.get("Range", "bytes=0-")[len("bytes=") : -1])

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def send_from_offset(self, content: bytes, *, stop: int | None = None) -> None:
        """Honours a range; with `stop` the connection ends before that byte of the file."""
        start = self.offset
        headers: dict[str, object] = {"Content_Length": len(content) - start}
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.head(206 if start else 200, **headers)
        self.wfile.write(content[start:stop])

    def send_whole(self, content: bytes, *, stop: int | None = None) -> None:
        """Takes no notice of a range."""
        self.head(200, Content_Length=len(content))
        self.wfile.write(content[:stop])

    def stall(self) -> None:
        """Holds the connection without a byte until the server closes."""
        self.wfile.flush()
        self.unruly.closing.wait(30)


@contextmanager
def unruly_server() -> Iterator[UnrulyServer]:
    """The server on a free loopback port."""
    handler = type("Handler", (Request,), {})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server = UnrulyServer(f"http://127.0.0.1:{httpd.server_port}")
    handler.unruly = server  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()
