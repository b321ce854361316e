"""The plain API of `faceswap serve --listen`: calls, guards, and the same error statuses as the KServe routes."""

from __future__ import annotations

import json
import logging
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import uvicorn
from faceswap_contract.errors import Origin, codes_of, http_status
from faceswap_contract.options import OPTIONS
from faceswap_server.http import AccessToken, FrontServer, FrontSettings, Routes, Upstream
from faceswap_server.http.application import make_app
from faceswap_server.http.listening import listen
from faceswap_server.http.openapi import openapi_document
from faceswap_server.http.server import server_config
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton import ServerSettings, TritonServer
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from integration.http.conftest import LOOPBACK, TOKEN, StartFront, connected, everything_from
from openapi_spec_validator import validate
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from support.swaps_begun import SwapsBegun

PATIENCE_S = 60
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: the connection is reset instead of closed
FORM = b"multipart/form-data; boundary=b"


def multipart(**parts: bytes) -> bytes:
    """A form whose parts are files."""
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"; filename="x.jpg"\r\n\r\n%s\r\n' % (name.encode(), part)
        for name, part in parts.items()
    )
    return body + b"--b--\r\n"


def head(path: str, length: int, kind: bytes = FORM) -> bytes:
    """A request's line and headers."""
    return b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (
        path.encode(),
        kind,
        length,
    )


def swap(url: str, timeout: float = PATIENCE_S, **headers: str) -> httpx.Response:
    files = {"source": probe_image(), "target": probe_image()}
    return httpx.post(f"{url}/swap", files=files, headers=headers, trust_env=False, timeout=timeout)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {PATIENCE_S} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def slow_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out_stub_repository(tmp_path_factory.mktemp("slow") / "stub", seconds=1.0, instances=2)


@pytest.fixture(scope="module")
def begun(slow_repository: Path) -> SwapsBegun:
    return SwapsBegun(slow_repository)


@pytest.fixture(scope="module")
def slow(slow_repository: Path, begun: SwapsBegun) -> Iterator[Upstream]:
    """A real tritonserver whose swaps take a second, two at once; an answer is its target."""
    assert begun.count == 0
    with TritonServer(ServerSettings(slow_repository, log=slow_repository.with_suffix(".log"))) as server:
        yield Upstream(lambda: server.http_url, lambda: server.metrics_url, lambda: server.grpc_address)


@pytest.mark.parametrize("token", [None, AccessToken(TOKEN)])
def test_curl_swaps_in_one_line(token: AccessToken | None, upstream: Upstream, tmp_path: Path) -> None:
    image, out = tmp_path / "me.jpg", tmp_path / "out.jpg"
    image.write_bytes(probe_image())
    with FrontServer(LOOPBACK, upstream, token) as front:
        command = ["curl", "-sS", "--noproxy", "*", "-H", "Accept: image/*", "-F", f"source=@{image}"]
        command += ["-F", f"target=@{image}", f"{front.url}/swap", "-o", str(out), "-w", "%{http_code}"]
        if token is not None:
            refused = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
            assert refused.stdout == "401"
            command += ["-H", f"Authorization: Bearer {TOKEN}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert (done.stdout, done.stderr) == ("200", "")
    assert out.read_bytes().startswith(b"\xff\xd8\xff")


def test_forms_and_json_get_json(caller: httpx.Client, portrait: Path) -> None:
    files = [("source", portrait.read_bytes()), ("target", portrait.read_bytes()), ("target", b"text")]
    good, bad = caller.post("/swap", files=files).json()["results"]
    assert [face["swapped"] for face in good["faces"]] == [True]
    assert bad["error"].startswith("NOT_AN_IMAGE: ")
    answer = caller.post("/faces", files={"image": portrait.read_bytes()}, data={"max_faces": "1"})
    assert len(answer.json()["faces"]) == 1
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(("routes", "kserve", "plain"), [("kserve", 200, 404), ("plain", 404, 200), ("all", 200, 200)])
def test_each_set_of_routes_can_be_closed(routes: str, kserve: int, plain: int, upstream: Upstream) -> None:
    with FrontServer(LOOPBACK, upstream, None, FrontSettings(routes=Routes(routes))) as front:
        paths = {"/v2/models/face_swap": kserve, "/openapi.json": plain, "/v2/health/ready": 200, "/metrics": 200}
        answers = {path: httpx.get(f"{front.url}{path}", trust_env=False, timeout=PATIENCE_S) for path in paths}
    assert {path: answer.status_code for path, answer in answers.items()} == paths


def test_the_openapi_document_is_one_and_names_every_option_and_code(caller: httpx.Client) -> None:
    document = caller.get("/openapi.json").json()
    assert document == json.loads(json.dumps(openapi_document()))
    validate(document)
    swap_call = document["paths"]["/swap"]["post"]
    for kind in ("application/json", "multipart/form-data"):
        properties = swap_call["requestBody"]["content"][kind]["schema"]["properties"]
        assert set(properties) == {"source", "target", *(option.name for option in OPTIONS)}
        assert properties["output_quality"]["maximum"] == 100
        assert properties["blend"]["enum"] == ["fast", "exact"]
    for origin in (Origin.SERVICE, Origin.HTTP, Origin.WORKER):
        for code in codes_of(origin):
            assert code in swap_call["responses"][str(http_status(code))]["description"].split(", ")


def test_slow_uploads_are_closed_by_the_deadline_and_others_are_served_meanwhile(
    upstream: Upstream, start_front: StartFront
) -> None:
    """As many as may be in flight, one byte each: on a server without deadlines they would keep everyone out."""
    front = start_front(upstream, max_in_flight=3, body_seconds=6, idle_seconds=3)
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(front)) for _ in range(6)]
        for connection, path in zip(slow, ("/swap", "/faces", "/swap", "/swap", "/faces", "/swap"), strict=True):
            connection.sendall(head(path, 1000) + b"-")
        assert swap(front.url).status_code == 200
        said = [everything_from(connection) for connection in slow]
    assert all(answer.startswith(b"HTTP/1.1 408 ") and b"SLOW_REQUEST: " in answer for answer in said)
    with connected(front) as connection:
        connection.sendall(head("/swap", 1000) + multipart(source=b"")[: -len(b"\r\n--b--\r\n")])
        began = time.monotonic()
        while time.monotonic() < began + 30:  # always something, never all of it
            try:
                connection.sendall(b"-")
            except OSError:
                break
            time.sleep(0.2)
        assert time.monotonic() - began < 25


def test_an_announced_body_takes_no_memory_from_others(upstream: Upstream, start_front: StartFront) -> None:
    front = start_front(upstream, max_held_bytes=4_000_000, max_body_bytes=4_000_000)
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(connected(front)).sendall(head("/swap", 4_000_000) + b"-")
        assert swap(front.url).status_code == 200


def test_more_requests_in_flight_than_allowed_are_refused_at_once(slow: Upstream, start_front: StartFront) -> None:
    front = start_front(slow, max_in_flight=2)
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(swap(front.url))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) >= 2, "six at once, two of a second each may be in flight"
    assert len(refused) < 6
    for answer in refused:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"].startswith("SERVER_BUSY: ")
    assert swap(front.url).status_code == 200, "places are given back"


def test_a_hang_up_at_any_moment_leaves_no_traceback(
    slow: Upstream, begun: SwapsBegun, start_front: StartFront, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    front = start_front(slow, max_in_flight=50)
    form = multipart(source=probe_image(), target=probe_image())
    whole = head("/swap", len(form)) + form
    moments = [0, 4, 40, len(whole) - len(form), len(whole) - len(form) + 30, len(whole) // 2, len(whole) - 1]
    for how in ("close", "reset"):
        for moment in moments:
            hang_up(front, whole[:moment], how)
        with connected(front) as connection:  # while the swap is under way
            before = begun.count
            connection.sendall(whole)
            begun.wait_for(before + 1)
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    until(lambda: swap(front.url).status_code == 200)
    assert "Traceback" not in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info] == []
    assert "the caller hung up" in caplog.text


def hang_up(front: FrontServer, sent: bytes, how: str) -> None:
    with connected(front) as connection:
        connection.sendall(sent)
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def test_a_caller_who_does_not_take_an_image_is_dropped(slow: Upstream, start_front: StartFront) -> None:
    image = bytes(20_000_000)
    form = multipart(source=probe_image(), target=image)  # the stub's answer is its target
    front = start_front(slow, idle_seconds=2, max_connections=1)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000)
        connection.connect((front.address.host, front.address.port))
        connection.sendall(head("/swap", len(form)) + form)
        until(lambda: is_live(front))  # there is room for one connection: the slow one is gone
        connection.settimeout(PATIENCE_S)
        assert len(everything_from(connection)) < len(image)


def test_a_caller_who_takes_an_image_slowly_gets_all_of_it(slow: Upstream, start_front: StartFront) -> None:
    """The deadline is for each piece, not for the whole."""
    image = bytes(20_000_000)
    form = multipart(source=probe_image(), target=image)
    front = start_front(slow, idle_seconds=2)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
        connection.settimeout(PATIENCE_S)
        connection.connect((front.address.host, front.address.port))
        connection.sendall(
            head("/swap", len(form)).replace(b"Host: localhost", b"Accept: image/*\r\nHost: localhost") + form
        )
        size, began = 0, time.monotonic()
        while size < len(image):
            piece = connection.recv(1_000_000)
            assert piece, f"cut off after {size} bytes"
            size += len(piece)
            time.sleep(max(0.0, began + 8 * size / len(image) - time.monotonic()))


def test_a_caller_who_takes_all_but_the_end_of_an_answer_is_dropped() -> None:
    """What is left is in the connection's buffer; no send waits for it."""

    async def answer(_request: Request) -> Response:
        return Response(bytes(60_000))

    settings = FrontSettings(idle_seconds=1, max_connections=1, drain_seconds=1)
    server = uvicorn.Server(server_config(make_app([Route("/", answer)], idle_seconds=1), settings))
    with listen(LOOPBACK) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # connections inherit it
        address = listening.getsockname()
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            until(lambda: server.started)
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(address)
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                until(lambda: server.server_state.total_requests == 1)
                assert len(server.server_state.connections) == 1, "answered, and not taken"
                until(lambda: not server.server_state.connections)
        finally:
            server.should_exit = True
            thread.join()


def is_live(front: FrontServer) -> bool:
    """Whether there is room for a call that is not health."""
    try:
        return httpx.get(f"{front.url}/openapi.json", trust_env=False, timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


def test_an_answer_over_the_limit_is_refused(slow: Upstream, start_front: StartFront) -> None:
    front = start_front(slow, max_answer_bytes=5000)
    answer = swap(front.url, accept="image/*")
    assert answer.json()["error"].startswith("OUTPUT_TOO_LARGE: ")
    assert answer.status_code == http_status("OUTPUT_TOO_LARGE")
