"""The HTTP client for Triton: no connection is used twice, and readiness is cached."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from faceswap_server.http import Upstream
from integration.http.conftest import StartFront, swap_call

PATIENCE_S = 60


class KeepAliveTriton(http.server.ThreadingHTTPServer):
    """Answers over HTTP/1.1 with connections kept alive, as Triton does; counts connections and requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections = 0
        self.requests: list[str] = []

    def upstream(self) -> Upstream:
        url = f"http://127.0.0.1:{self.server_port}"
        return Upstream(lambda: url, lambda: f"{url}/metrics", lambda: url)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: KeepAliveTriton
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def triton() -> Iterator[KeepAliveTriton]:
    with KeepAliveTriton() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_every_request_has_a_connection_of_its_own(triton: KeepAliveTriton, start_front: StartFront) -> None:
    """A request on a kept connection that breaks would be sent again, and the work perhaps done twice."""
    front = start_front(triton.upstream())
    call = swap_call(b"x", b"y")
    with httpx.Client(base_url=front.url, trust_env=False, timeout=PATIENCE_S) as caller:
        for _ in range(4):
            answer = caller.post("/v2/models/face_swap/infer", headers=call.headers, content=call.body)
            assert answer.status_code == 200
        assert caller.get("/v2/models/face_swap/ready").status_code == 200
    assert len(triton.requests) == 5
    assert triton.connections == 5


def test_readiness_is_asked_of_triton_once_a_second_at_most(triton: KeepAliveTriton, start_front: StartFront) -> None:
    front = start_front(triton.upstream())
    began = time.monotonic()
    with httpx.Client(base_url=front.url, trust_env=False, timeout=PATIENCE_S) as caller:
        for _ in range(40):
            assert caller.get("/v2/health/ready").status_code == 200
    took = time.monotonic() - began
    assert 1 <= triton.requests.count("/v2/health/ready") <= 1 + took
    assert took < 30, "so slow that the limit above says nothing"
