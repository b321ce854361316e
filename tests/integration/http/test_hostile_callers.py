"""Callers without a token, silent or slow, do not take the service away; refusals arrive as what they are."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import requests
from faceswap_server.http import AccessToken, FrontServer, FrontSettings, Upstream
from integration.http.conftest import LOOPBACK, TOKEN, connected, everything_from, swap_call

INFER = "/v2/models/face_swap/infer"
LIVE = "/v2/health/live"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
GET_LIVE = f"GET {LIVE} HTTP/1.1\r\nHost: localhost\r\n".encode()
SHORT_S = 5
"""More than what is waited for takes, and less than forever."""

Start = Callable[..., FrontServer]


class Held(BaseHTTPRequestHandler):
    """A Triton that answers every GET and no POST."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"answered")

    def do_POST(self) -> None:
        with contextlib.suppress(OSError):
            while self.connection.recv(65536):  # until the front gives up
                pass

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def triton() -> Iterator[Upstream]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Held)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    yield Upstream(lambda: url, lambda: f"{url}/metrics", lambda: "127.0.0.1:1")
    server.shutdown()
    server.server_close()


@pytest.fixture
def start(triton: Upstream) -> Iterator[Start]:
    """Starts fronts with limits of their own, with the token unless `token=None`."""
    with ExitStack() as stack:

        def started(*, token: str | None = TOKEN, **limits: object) -> FrontServer:
            settings = FrontSettings.model_validate({"drain_seconds": 1, **limits})
            return stack.enter_context(FrontServer(LOOPBACK, triton, AccessToken(token) if token else None, settings))

        yield started


def get(front: FrontServer, path: str, **headers: str) -> int:
    """The status; 0 for a broken connection."""
    try:
        return httpx.get(f"{front.url}{path}", headers=headers, trust_env=False, timeout=SHORT_S).status_code
    except httpx.TransportError:
        return 0


def is_closed(connection: socket.socket, within: float) -> bool:
    """Whether the front closes a connection on which nothing more is sent."""
    connection.settimeout(within)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def silent(front: FrontServer, count: int, stack: ExitStack, host: str = "127.0.0.1") -> list[socket.socket]:
    address = (front.address.host, front.address.port)
    return [
        stack.enter_context(socket.create_connection(address, SHORT_S, source_address=(host, 0))) for _ in range(count)
    ]


@pytest.mark.parametrize(
    "request_head",
    [
        GET_LIVE + b"Content-Length: 10\r\n\r\n",
        GET_LIVE + b"Transfer-Encoding: chunked\r\n\r\n",
        f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n".encode(),
    ],
    ids=["health, length", "health, chunked", "refused"],
)
def test_a_connection_whose_body_was_not_read_closes(request_head: bytes, start: Start) -> None:
    front = start(header_seconds=1, idle_seconds=1)
    with ExitStack() as stack:
        held = [stack.enter_context(connected(front)) for _ in range(8)]
        for connection in held:
            connection.sendall(request_head)
            answer = connection.recv(65536)
            assert b"connection: close" in answer.lower()
            connection.sendall(b"1")
        deadline = time.monotonic() + SHORT_S
        for connection in held:
            assert is_closed(connection, max(0.01, deadline - time.monotonic()))
            with pytest.raises(OSError, match="."):  # and not only for one direction
                for _ in range(200):
                    connection.sendall(b"1")
                    time.sleep(0.02)


@pytest.mark.parametrize("said", [b"", b"G", GET_LIVE + b"Content-Length: 10\r\n\r\n1"])
def test_a_crowd_without_a_token_leaves_room(said: bytes, start: Start) -> None:
    front = start(max_connections=16, header_seconds=30, idle_seconds=30)
    with ExitStack() as stack:
        for connection in silent(front, 40, stack):
            with contextlib.suppress(OSError):
                connection.sendall(said)
        for _ in range(5):
            assert get(front, "/v2/models/face_swap", **WITH_TOKEN) == 200
            assert get(front, LIVE) == 200


def test_a_caller_with_the_token_keeps_the_connection(start: Start) -> None:
    front = start(max_connections=8, header_seconds=30, idle_seconds=30)
    head = f"GET /v2/models/face_swap HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    with ExitStack() as stack:
        (known,) = silent(front, 1, stack)
        for _ in range(3):
            known.sendall(head)
            said = b""
            while not said.endswith(b"answered"):
                piece = known.recv(65536)
                assert piece, "closed"
                said += piece
            assert said.startswith(b"HTTP/1.1 200 ")
            silent(front, 20, stack)


def test_one_address_has_its_share(start: Start) -> None:
    front = start(token=None, max_connections=8, address_share=0.5, header_seconds=30)
    with ExitStack() as stack:
        crowd = silent(front, 20, stack, host="127.0.0.2")
        mine = silent(front, 4, stack)
        for connection in mine:
            connection.sendall(GET_LIVE + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert sum(not is_closed(connection, 0.05) for connection in crowd) == 4


def test_health_and_metrics_have_room_when_requests_fill_the_front(start: Start) -> None:
    front = start(token=None, max_in_flight=3, max_connections=3, address_share=1)
    with ExitStack() as stack:
        call = swap_call(b"x", b"y")
        head = "".join(f"{name}: {value}\r\n" for name, value in call.headers.items())
        raw = f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(call.body)}\r\n{head}\r\n".encode()
        for connection in silent(front, 3, stack):
            connection.sendall(raw + call.body)
        time.sleep(0.3)
        for _ in range(10):
            assert [get(front, path) for path in (LIVE, "/v2/health/ready", "/metrics")] == [200, 200, 200]
        answer = httpx.post(f"{front.url}{INFER}", content=call.body, headers=call.headers, trust_env=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "as many connections" in answer.json()["error"]


def test_two_hundred_callers_leave_metrics_and_readiness_alone(start: Start) -> None:
    front = start(token=None)
    call = swap_call(b"x", b"y")
    head = "".join(f"{name}: {value}\r\n" for name, value in call.headers.items())
    raw = f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(call.body)}\r\n{head}\r\n".encode()
    with ExitStack() as stack:
        for connection in silent(front, 200, stack):
            with contextlib.suppress(OSError):
                connection.sendall(raw + call.body)
        paths = ("/metrics", "/v2/health/ready", "/v2/models/face_swap/ready")
        assert {get(front, path) for path in paths for _ in range(10)} == {200}


def test_one_deadline_holds_for_a_whole_request(start: Start) -> None:
    front = start(request_seconds=1, idle_seconds=60, body_seconds=60)
    with connected(front) as connection:
        head = f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\nx".encode())
        assert is_closed(connection, SHORT_S)


BODY = bytes(12 * 2**20)
NODE = """
const [url, size] = process.argv.slice(1);
const seen = [];
for (let i = 0; i < 10; i++) {
  try {
    const answer = await fetch(url, {method: "POST", body: new Uint8Array(Number(size))});
    seen.push(answer.status + " " + JSON.parse(await answer.text()).error.split(":")[0]);
  } catch (error) { seen.push(String(error.cause ?? error)); }
}
console.log([...new Set(seen)].join("\\n"));
"""


def with_node(url: str) -> set[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    command = [node, "--input-type=module", "-e", NODE, url, str(len(BODY))]
    return set(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines())


def with_curl(url: str) -> set[str]:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    command = [curl, "-sS", "--noproxy", "*", "-H", "Expect:", "--data-binary", "@-", "-w", "%{http_code} ", url]
    seen = set()
    for _ in range(5):
        said = subprocess.run(command, input=BODY, capture_output=True, timeout=60, check=False)
        text, _, status = said.stdout.decode().strip().rpartition("}")
        seen.add(f"{status} {text.partition(':')[2].strip().lstrip(chr(34)).partition(':')[0]}{said.stderr.decode()}")
    return seen


def with_httpx(url: str) -> set[str]:
    answers = [httpx.post(url, content=BODY, trust_env=False, timeout=60) for _ in range(5)]
    return {f"{answer.status_code} {answer.json()['error'].partition(':')[0]}" for answer in answers}


def with_requests(url: str) -> set[str]:
    seen = set()
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(5):
            answer = session.post(url, data=BODY, timeout=60)
            seen.add(f"{answer.status_code} {answer.json()['error'].partition(':')[0]}")
    return seen


@pytest.mark.parametrize("send", [with_node, with_curl, with_httpx, with_requests])
@pytest.mark.parametrize("refusal", ["401 UNAUTHORIZED", "413 BODY_TOO_LARGE"])
def test_a_refusal_reaches_who_is_still_sending(refusal: str, send: Callable[[str], set[str]], start: Start) -> None:
    front = start() if refusal.startswith("401") else start(token=None, max_body_bytes=8 * 2**20)
    assert send(f"{front.url}{INFER}") == {refusal}


@pytest.mark.parametrize(
    "sent",
    [
        GET_LIVE + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
        GET_LIVE + b"".join(b"X%d: y\r\n" % i for i in range(2500)) + b"\r\n",
        GET_LIVE + b"\r\n" + GET_LIVE + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
        GET_LIVE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET_LIVE + b"transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\n",
        b"not HTTP\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        GET_LIVE + b"Content-Length: x\r\n\r\n",
    ],
    ids=["long", "many", "second", "two lengths", "two, other order", "text", "TLS", "no Host", "length"],
)
def test_what_is_not_http_as_we_read_it_is_a_400_in_our_form(sent: bytes, start: Start) -> None:
    with connected(start(header_seconds=2)) as connection:
        connection.settimeout(SHORT_S)
        connection.sendall(sent)
        said = everything_from(connection)
    answer = said[said.rindex(b"HTTP/1.1 ") :]
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer.lower()
    assert answer.partition(b"\r\n\r\n")[2].startswith(b'{"error": "BAD_REQUEST: ')


def test_headers_under_the_limit_pass(start: Start) -> None:
    assert get(start(), LIVE, X="y" * 15_000) == 200


def test_an_unread_upload_is_discarded_within_bounds(start: Start) -> None:
    front = start(max_body_bytes=2**20, header_seconds=30)
    with connected(front) as connection:
        connection.settimeout(SHORT_S)
        connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n".encode())
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 2**28:
                sent += connection.send(bytes(2**16))
    assert sent < 2**26, "more than the limit and what sockets hold was taken"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("faces.internal:443", 200),
        ("rebound.example", 400),
        ("localhost.rebound.example", 400),
        ("127.0.0.1.rebound.example:8080", 400),
        ("user@localhost@rebound.example", 400),
        ("", 400),
    ],
)
def test_names_of_others_are_refused_on_loopback(host: str, status: int, start: Start) -> None:
    front = start(token=None, allowed_hosts="faces.internal, other.internal")
    for path in (LIVE, "/openapi.json"):
        assert get(front, path, Host=host) == status


def test_with_a_token_any_host_will_do(start: Start) -> None:
    assert get(start(), "/openapi.json", Host="faces.example.org", **WITH_TOKEN) == 200


def test_refusals_are_logged_up_to_a_bound_and_counted(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    front = start()
    for _ in range(100):
        assert get(front, "/metrics") == 401
    for _ in range(20):
        with connected(front) as connection:
            connection.sendall(b"not HTTP\r\n\r\n")
            everything_from(connection)
    front.stop()
    lines = [record.getMessage() for record in caplog.records if record.name.startswith(("faceswap", "uvicorn"))]
    refused = [line for line in lines if "refused: " in line]
    assert 20 <= len(refused) <= 40, "twenty in ten seconds; two periods at most"
    assert len(lines) <= 45
    counted = [
        int(word) for line in lines if "one by one" in line for word in line.replace(",", " ").split()[-4:][1::2]
    ]
    assert sum(counted) + len(refused) == 120
