"""What is sent again, what is not, and that the caller's time is kept."""

from __future__ import annotations

import asyncio
import pickle
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from faceswap_client import AsyncClient, Client, ConnectionFailed, FaceSwapError, InferReply, ServerBusy, ServerError
from faceswap_client._errors import error_from_text
from faceswap_client._retries import Attempts, pause_before_retry, send, send_async

Caller = Callable[..., Any]
BUSY = "SERVER_BUSY: the memory budget is full; retry after 30 ms"


@pytest.fixture(params=["grpc", "http"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sync", "async"])
def swap(request: pytest.FixtureRequest) -> Caller:
    """`swap(address, **client)`: one swap by a fresh client of either kind."""

    def sync(address: str, **client: Any) -> Any:
        with Client(address, **client) as opened:
            return opened.swap(b"s", b"t")

    async def asynchronous(address: str, **client: Any) -> Any:
        async with AsyncClient(address, **client) as opened:
            return await opened.swap(b"s", b"t")

    return sync if request.param == "sync" else lambda *a, **k: asyncio.run(asynchronous(*a, **k))


def failing(fake: Any, times: int, text: str, status: grpc.StatusCode, http: int) -> None:
    """The server fails `times` times, then works."""
    usual = fake.answer

    def answer(seen: Any) -> Any:
        if len(fake.seen) <= times:
            raise fake.failure(text, status, http)
        return usual(seen)

    fake.answer = answer


def busy(fake: Any, times: int, text: str = BUSY) -> None:
    failing(fake, times, text, grpc.StatusCode.UNAVAILABLE, 503)


def test_a_busy_server_is_asked_again(fake: Any, protocol: str, swap: Caller) -> None:
    busy(fake, 2)
    assert len(swap(fake.address(protocol)).faces) == 2
    assert len(fake.seen) == 3
    assert len({seen.request_id for seen in fake.seen}) == 1, "the log can tell that it is one call"


def test_a_full_queue_is_a_busy_server(fake: Any, protocol: str, swap: Caller) -> None:
    busy(fake, 1, "[request id: 1] in ensemble 'face_swap', Exceeds maximum queue size")
    swap(fake.address(protocol))
    assert len(fake.seen) == 2


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_no_more_often_than_asked(fake: Any, protocol: str, swap: Caller, retries: int) -> None:
    busy(fake, 99)
    with pytest.raises(ServerBusy) as caught:
        swap(fake.address(protocol), retries=retries)
    assert len(fake.seen) == retries + 1
    assert caught.value.retry_after_s == 0.03


def test_the_deadline_comes_before_the_servers_wish(fake: Any, protocol: str, swap: Caller) -> None:
    busy(fake, 99, "SERVER_BUSY: full; retry after 60000 ms")
    began = time.monotonic()
    with pytest.raises(ServerBusy) as caught:
        swap(fake.address(protocol), timeout=20)
    assert time.monotonic() - began < 15, "it does not wait for what cannot come in time"
    assert caught.value.retry_after_s == 60
    assert len(fake.seen) == 1


@pytest.mark.parametrize("timeout", [10.0, None])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_every_turn_has_what_is_left_of_the_time(kind: str, timeout: float | None) -> None:
    given: list[float | None] = []

    def infer(left: float | None) -> InferReply:
        given.append(left)
        time.sleep(0.05)
        if len(given) < 3:
            raise busy_error(0.01)
        return InferReply({})

    async def infer_async(left: float | None) -> InferReply:
        return infer(left)

    if kind == "sync":
        send(infer, Attempts(timeout, 3))
    else:
        asyncio.run(send_async(infer_async, Attempts(timeout, 3)))
    if timeout is None:
        assert given == [None] * 3
    else:
        first, second, third = (left or 0.0 for left in given)
        assert first == timeout
        assert second <= first - 0.06
        assert third <= second - 0.06


@pytest.mark.parametrize(
    ("text", "status", "http"),
    [
        ("INTERNAL: details are in the log", grpc.StatusCode.INTERNAL, 500),
        ("NO_FACE_IN_TARGET: none", grpc.StatusCode.INVALID_ARGUMENT, 400),
        ("CANCELLED: given up", grpc.StatusCode.CANCELLED, 400),
        ("Request timeout expired", grpc.StatusCode.UNAVAILABLE, 503),
        ("a proxy's own words", grpc.StatusCode.RESOURCE_EXHAUSTED, 503),
        ("too late", grpc.StatusCode.DEADLINE_EXCEEDED, 504),
        ("bad gateway", grpc.StatusCode.UNKNOWN, 502),
    ],
)
def test_nothing_else_is_sent_again(
    fake: Any, protocol: str, swap: Caller, text: str, status: grpc.StatusCode, http: int
) -> None:
    failing(fake, 99, text, status, http)
    with pytest.raises(FaceSwapError):
        swap(fake.address(protocol))
    assert len(fake.seen) == 1


class Forwarder:
    """A port where nobody listens at first, and which then leads to another."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listening.getsockname()
        self._to = to
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Forwarder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        time.sleep(0.15)
        with (
            self._listening as listening,
            selectors.DefaultSelector() as ready,
            ExitStack() as open_,
        ):
            listening.listen()
            ready.register(listening, selectors.EVENT_READ, None)
            while not self._stop.is_set():
                for key, _ in ready.select(0.05):
                    if key.fileobj is listening:
                        incoming = open_.enter_context(listening.accept()[0])
                        outgoing = open_.enter_context(socket.create_connection(self._to))
                        ready.register(incoming, selectors.EVENT_READ, outgoing)
                        ready.register(outgoing, selectors.EVENT_READ, incoming)
                    elif data := key.fileobj.recv(65536):  # type: ignore[union-attr]
                        key.data.sendall(data)
                    else:
                        ready.unregister(key.fileobj)


def test_a_server_that_begins_to_listen_in_time_is_found(fake: Any, protocol: str, swap: Caller) -> None:
    host, _, port = fake.address(protocol).removeprefix("http://").rpartition(":")
    prefix = "" if protocol == "grpc" else "http://"
    with Forwarder((host, int(port))) as forwarder:
        assert len(swap(f"{prefix}127.0.0.1:{forwarder.address[1]}", retries=6).faces) == 2
    assert len(fake.seen) == 1


def test_a_connection_that_breaks_is_not_tried_again(protocol: str, swap: Caller) -> None:
    """It may have been worked on."""
    accepted = []

    def drop(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                if protocol == "grpc":
                    connection.sendall(b"\0\0\0\4\0\0\0\0\0")  # an empty SETTINGS frame: now grpcio sends the call
                while data := connection.recv(65536):
                    if b"TARGET_IMAGE" in data:
                        accepted.append(1)
                        break

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drop, args=(listening,), daemon=True).start()
        prefix = "" if protocol == "grpc" else "http://"
        with pytest.raises(ConnectionFailed) as caught:
            swap(f"{prefix}127.0.0.1:{listening.getsockname()[1]}", timeout=10)
        assert caught.value.nothing_sent is False
        assert len(accepted) == 1


def busy_error(seconds: float | None, turned_away: bool = True) -> ServerBusy:
    return ServerBusy("full", retry_after_s=seconds, turned_away=turned_away)


def test_pauses_double_and_are_never_shorter_than_asked() -> None:
    for turn, least in ((0, 0.1), (1, 0.2), (2, 0.4), (9, 5.0), (2000, 5.0)):
        pauses = [pause_before_retry(busy_error(None), turn, 3000, None) or 0 for _ in range(200)]
        assert least <= min(pauses) < max(pauses) <= least * 1.5
        assert len(set(pauses)) > 100, "callers turned away together must not come back together"
    hinted = [pause_before_retry(busy_error(0.1), 4, 10, None) or 0 for _ in range(200)]
    assert min(hinted) >= 1.6, "a server that goes on refusing is given more time than it asks for"
    asked = [pause_before_retry(busy_error(3.0), 0, 1, None) or 0 for _ in range(200)]
    assert 3.0 <= min(asked) < max(asked) <= 4.5


@pytest.mark.parametrize(
    ("error", "turn", "left", "again"),
    [
        (busy_error(1.0), 0, 1.6, True),
        (busy_error(1.0), 0, 1.0, False),
        (busy_error(1.0), 3, 100.0, False),
        (busy_error(None, turned_away=False), 0, None, False),
        (ConnectionFailed("x", nothing_sent=True), 0, None, True),
        (ConnectionFailed("x"), 0, None, False),
        (ServerError("x"), 0, None, False),
    ],
)
def test_when_there_is_another_turn(error: FaceSwapError, turn: int, left: float | None, again: bool) -> None:
    assert (pause_before_retry(error, turn, 3, left) is not None) is again


@pytest.mark.parametrize(
    ("text", "header", "seconds"),
    [
        ("SERVER_BUSY: full; retry after 250 ms", None, 0.25),
        ("SERVER_BUSY: full; retry after 250 ms", 1.0, 0.25),
        ("SERVER_BUSY: full", 7.0, 7.0),
        ("SERVER_BUSY: full", None, None),
    ],
)
def test_the_text_says_it_more_precisely_than_the_header(
    text: str, header: float | None, seconds: float | None
) -> None:
    error = error_from_text(text, 503, retry_after_s=header)
    assert isinstance(error, ServerBusy)
    assert error.retry_after_s == seconds
    assert error.turned_away
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (again.retry_after_s, again.turned_away) == (seconds, True)


def test_retries_are_not_negative(fake: Any) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="retries=-1"):
            kind(fake.grpc_address, retries=-1)
