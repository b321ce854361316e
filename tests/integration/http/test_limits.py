"""What one caller may cost: bytes, time, connections, and requests at once."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from faceswap_client import Client, ServerBusy
from faceswap_server.http import FrontRefused, FrontServer, Upstream
from integration.http.conftest import LOOPBACK, Call, StartFront, connected, everything_from, swap_call

PATIENCE_S = 60
INFER = "/v2/models/face_swap/infer"
HEAD = f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\n".encode()


class SlowTriton:
    """Accepts requests and answers none of them; says when a connection was closed."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.arrived, self.closed = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            self.arrived.release()
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            self.closed.release()

    def upstream(self) -> Upstream:
        return Upstream(lambda: self.url, lambda: self.url, lambda: self.url)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def slow_triton() -> Iterator[SlowTriton]:
    triton = SlowTriton()
    yield triton
    triton.close()


def post(
    url: str,
    call: Call,
    content: bytes | Iterator[bytes] | None = None,
    timeout: float = PATIENCE_S,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    body = call.body if content is None else content
    sent = {**call.headers, **(headers or {})}
    return httpx.post(f"{url}{INFER}", headers=sent, content=body, trust_env=False, timeout=timeout)


def raw(call: Call) -> bytes:
    """The request as it goes over a socket."""
    headers = {"Content-Length": str(len(call.body)), **call.headers}
    return HEAD + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n" + call.body


def test_an_announced_body_over_the_limit_is_refused_before_it_is_sent(start_front: StartFront) -> None:
    with connected(start_front(max_body_bytes=1000)) as connection:
        connection.sendall(HEAD + b"Content-Length: 1001\r\n\r\n")
        said = everything_from(connection)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"BODY_TOO_LARGE: the body has more than 1000 bytes" in said


def test_a_body_without_a_length_is_counted(start_front: StartFront) -> None:
    with connected(start_front(max_body_bytes=1000)) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            connection.sendall(b"190\r\n" + bytes(0x190) + b"\r\n")  # 400 bytes each; the end never comes
        assert everything_from(connection).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_exactly_the_limit_passes(start_front: StartFront) -> None:
    call = swap_call(b"x" * 500, b"y" * 500)
    assert "NOT_AN_IMAGE" in post(start_front(max_body_bytes=len(call.body)).url, call).text
    assert post(start_front(max_body_bytes=len(call.body) - 1).url, call).status_code == 413


def test_a_chunked_body_reaches_triton_with_its_length(start_front: StartFront) -> None:
    call = swap_call(b"text", b"text")
    pieces = (call.body[i : i + 7] for i in range(0, len(call.body), 7))
    answer = post(start_front().url, call, pieces)
    assert "NOT_AN_IMAGE: SOURCE_IMAGE[0]" in answer.json()["error"]


def test_a_compressed_body_is_refused(start_front: StartFront) -> None:
    call = swap_call(b"x", b"y")
    packed = Call(call.headers, gzip.compress(call.body))
    answer = post(start_front().url, packed, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert answer.json()["error"].startswith("COMPRESSED_BODY: ")


def test_a_long_json_part_is_refused(start_front: StartFront) -> None:
    body = json.dumps({"inputs": [{"name": "IMAGE", "datatype": "BYTES", "shape": [1], "data": ["x" * 3000]}]})
    answer = post(start_front(max_json_bytes=2000).url, Call({}, body.encode()))
    assert answer.status_code == 413


def test_headers_without_end_are_refused(start_front: StartFront) -> None:
    with connected(start_front(max_header_bytes=2000)) as connection:
        connection.sendall(HEAD + b"X: " + b"y" * 5000)
        assert everything_from(connection).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v2/mod",
        b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v2/hea",
    ],
    ids=["nothing", "half a line", "half of a second request"],
)
def test_a_caller_who_does_not_finish_the_headers_is_dropped(sent: bytes, start_front: StartFront) -> None:
    with connected(start_front(header_seconds=1.5, idle_seconds=30)) as connection:
        connection.sendall(sent)
        said = everything_from(connection)
    assert said.count(b"HTTP/1.1 ") == sent.count(b"live")


def trickle(connection: socket.socket, stop: threading.Event) -> None:
    with contextlib.suppress(OSError):  # refused
        while not stop.wait(0.05):
            connection.sendall(b"x")


@pytest.mark.parametrize("limits", [{"idle_seconds": 0.3}, {"body_seconds": 0.4}])
def test_a_slow_body_is_refused(limits: dict[str, float], start_front: StartFront) -> None:
    stop = threading.Event()
    with connected(start_front(**limits)) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
        if "body_seconds" in limits:  # always something, never all of it
            threading.Thread(target=trickle, args=(connection, stop), daemon=True).start()
        said = everything_from(connection)
        stop.set()
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"SLOW_REQUEST: " in said


def test_one_request_too_many_is_told_at_once_when_to_come_back(
    start_front: StartFront, slow_triton: SlowTriton
) -> None:
    front = start_front(slow_triton.upstream(), max_in_flight=2)
    call = swap_call(b"x", b"y")
    with ExitStack() as stack:
        for _ in range(2):
            holding = stack.enter_context(connected(front))
            holding.sendall(raw(call))
        _until(lambda: is_full(front, call))
        answer = post(front.url, call)
        assert answer.headers["retry-after"] == "1"
        with Client(front.url, retries=0) as client, pytest.raises(ServerBusy) as caught:
            client.swap(b"x", b"y")
        assert caught.value.retry_after_s == 1.0
        assert httpx.get(f"{front.url}/v2/health/live", trust_env=False, timeout=PATIENCE_S).status_code == 200
    _until(lambda: not is_full(front, call))  # those who hung up left their places


def is_full(front: FrontServer, call: Call) -> bool:
    """Whether one more is refused; one that is not gets no answer and is withdrawn."""
    try:
        return post(front.url, call, timeout=1).status_code == 503
    except httpx.TimeoutException:
        return False


def test_bodies_of_all_callers_together_are_bounded(
    start_front: StartFront, slow_triton: SlowTriton, portrait: Path
) -> None:
    image = portrait.read_bytes()
    call = swap_call(image, image)
    front = start_front(to=slow_triton.upstream(), max_held_bytes=len(call.body) + 1000)
    with ExitStack() as stack:
        first = stack.enter_context(connected(front))
        first.sendall(raw(call))
        assert slow_triton.arrived.acquire(timeout=PATIENCE_S), "it is worked on, and its body is held"
        for content in (call.body, iter([call.body])):  # with its length, and in chunks without
            answer = post(front.url, call, content)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert answer.json()["error"].startswith("SERVER_BUSY: the front holds as many bytes")
    assert slow_triton.closed.acquire(timeout=PATIENCE_S), "the first caller has hung up"
    with connected(front) as again:
        again.sendall(raw(call))
        assert slow_triton.arrived.acquire(timeout=PATIENCE_S), "there is room again"


def test_of_more_connections_than_allowed_only_health_is_answered(start_front: StartFront) -> None:
    front = start_front(max_connections=3)
    with ExitStack() as stack:
        for _ in range(3):
            held = stack.enter_context(connected(front))
            held.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert held.recv(100).startswith(b"HTTP/1.1 200 ")
        for path, status in ((b"/v2/health/live", b"200"), (b"/openapi.json", b"503")):
            extra = stack.enter_context(connected(front))
            extra.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            said = everything_from(extra)
            assert said.startswith(b"HTTP/1.1 " + status)
            assert b"connection: close" in said


def test_a_caller_who_hangs_up_takes_the_request_along(start_front: StartFront, slow_triton: SlowTriton) -> None:
    call = swap_call(b"x", b"y")
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in call.headers.items())
    with connected(start_front(slow_triton.upstream())) as connection:
        connection.sendall(HEAD + head + f"Content-Length: {len(call.body)}\r\n\r\n".encode() + call.body)
        assert slow_triton.arrived.acquire(timeout=PATIENCE_S)
        assert not slow_triton.closed.acquire(timeout=0.3), "dropped although the caller was still waiting"
    assert slow_triton.closed.acquire(timeout=PATIENCE_S)


def test_a_server_that_does_not_answer_is_a_deadline(start_front: StartFront, slow_triton: SlowTriton) -> None:
    answer = post(start_front(slow_triton.upstream(), answer_seconds=0.3).url, swap_call(b"x", b"y"))
    assert answer.status_code == 504
    assert slow_triton.closed.acquire(timeout=PATIENCE_S)


def test_no_server_is_busy_and_not_ready(start_front: StartFront) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        nobody = f"http://127.0.0.1:{silent.getsockname()[1]}"
        front = start_front(Upstream(lambda: nobody, lambda: nobody, lambda: nobody))
        answer = post(front.url, swap_call(b"x", b"y"))
        assert answer.status_code == 503
        assert answer.json()["error"].startswith("SERVER_BUSY: ")
        assert answer.headers["retry-after"] == "1"
        assert httpx.get(f"{front.url}/v2/health/ready", trust_env=False, timeout=PATIENCE_S).status_code == 503


class LargeAnswer(SlowTriton):
    """Answers with more than sockets hold, until nobody takes it."""

    def _read(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            self.arrived.release()
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n" + bytes(200_000_000))
            except OSError:
                self.closed.release()


def test_a_caller_who_does_not_take_the_answer_is_dropped(start_front: StartFront) -> None:
    triton = LargeAnswer()
    call = swap_call(b"x", b"y")
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in call.headers.items())
    front = start_front(triton.upstream(), idle_seconds=2, max_connections=1)
    with connected(front) as connection:
        connection.sendall(HEAD + head + f"Content-Length: {len(call.body)}\r\n\r\n".encode() + call.body)
        assert triton.arrived.acquire(timeout=PATIENCE_S)
        assert triton.closed.acquire(timeout=PATIENCE_S), "Triton's connection goes too"
        _until(lambda: is_live(front))  # there is room for one connection: the slow one is gone
        assert len(everything_from(connection)) < 200_000_000
    triton.close()


def is_live(front: FrontServer) -> bool:
    """Whether there is room for a call that is not health."""
    try:
        return httpx.get(f"{front.url}/openapi.json", trust_env=False, timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


class BrokenAnswer(SlowTriton):
    """Begins an answer and dies."""

    def _read(self, connection: socket.socket) -> None:
        with connection:
            whole_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(500))


class NoAnswer(SlowTriton):
    """Takes the request and dies."""

    def _read(self, connection: socket.socket) -> None:
        with connection:
            whole_request(connection)


def whole_request(connection: socket.socket) -> None:
    """Reads until the target image `y`, the last byte."""
    said = b""
    while not said.endswith(b"y"):
        said += connection.recv(65536)


def test_a_server_that_dies_is_never_a_complete_answer(start_front: StartFront) -> None:
    begun, not_begun = BrokenAnswer(), NoAnswer()
    with pytest.raises(httpx.RemoteProtocolError):
        post(start_front(begun.upstream()).url, swap_call(b"x", b"y"))
    answer = post(start_front(not_begun.upstream()).url, swap_call(b"x", b"y"))
    assert answer.status_code == 500, "not 503: it may have been worked on, so clients must not send it again"
    assert answer.json()["error"].startswith("INTERNAL: ")
    begun.close()
    not_begun.close()


def test_the_front_can_be_stopped_twice_and_started_on_a_taken_port_not_at_all(upstream: Upstream) -> None:
    front = FrontServer(LOOPBACK, upstream, None)
    assert not front.is_running
    front.start()
    assert front.is_running
    with pytest.raises(FrontRefused, match="Address already in use"):
        FrontServer(front.address, upstream, None).start()
    front.stop()
    front.stop()
    assert not front.is_running
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{front.url}/v2/health/live", trust_env=False, timeout=PATIENCE_S)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {PATIENCE_S} s")
        time.sleep(0.02)
