"""`MODE=lb`: the plain API behind RunPod's load balancer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from faceswap_contract.errors import Origin, codes_of, http_status
from faceswap_core.options import OPTION_NAMES
from faceswap_server.exit_codes import ExitCode
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton.ports import free_port
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.runpod_worker import StartWorker, Worker
from support.swaps_begun import SwapsBegun


def environment(repository: Path, port: int, **more: str) -> dict[str, str]:
    names = {"MODE": "lb", "PORT": str(port), "FACESWAP_HOST": "127.0.0.1"}
    return {**names, "FACESWAP_MODEL_REPOSITORY": str(repository), **more}


def wait_until(http: httpx.Client, status: int, worker: Worker, path: str = "/ping") -> set[int]:
    seen: set[int] = set()
    deadline = time.monotonic() + 90
    while status not in seen:
        if worker.process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"{seen} and never {status}:\n{worker.text()[-3000:]}")
        with contextlib.suppress(httpx.TransportError):
            seen.add(http.get(path).status_code)
        time.sleep(0.02)
    return seen


@pytest.fixture(scope="module")
def plain_api(offline_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    port = free_port()
    worker = Worker(environment(offline_pack, port), tmp_path_factory.mktemp("lb") / "worker.log")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
            seen = wait_until(http, 200, worker)
            assert seen == {204, 200}, "loading is said before ready"
            yield http
        assert worker.stop() == ExitCode.STOPPED
        assert "Traceback" not in worker.text()
    finally:
        worker.kill()


def test_ready_is_503_while_ping_says_204(start_worker: StartWorker, stub: Path) -> None:
    """204 is a success to everybody but RunPod, so a readiness probe must not see it."""
    port = free_port()
    worker = start_worker(environment(stub, port))
    ready: dict[int, set[int]] = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        deadline = time.monotonic() + 90
        while 200 not in ready:
            assert worker.process.poll() is None, worker.text()[-3000:]
            assert time.monotonic() < deadline
            with contextlib.suppress(httpx.TransportError):
                first = http.get("/ping").status_code
                answer = http.get("/v2/health/ready").status_code
                if http.get("/ping").status_code == first:  # it was the same all the while
                    ready.setdefault(first, set()).add(answer)
                assert http.get("/v2/health/live").status_code == 200
            time.sleep(0.02)
    assert ready == {204: {503}, 200: {200}}
    assert worker.stop() == ExitCode.STOPPED


def raw_swap() -> bytes:
    """A swap as it goes over a socket."""
    image = probe_image()
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"; filename="x"\r\n\r\n%s\r\n' % (name, image)
        for name in (b"source", b"target")
    )
    body += b"--b--\r\n"
    head = (
        b"POST /swap HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: "
    )
    return head + str(len(body)).encode() + b"\r\n\r\n" + body


def received(connection: socket.socket) -> bytes:
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            said += piece
    return said


def test_slow_uploads_end_by_the_deadline_hang_ups_leave_no_traceback_and_admission_is_limited(
    start_worker: StartWorker, tmp_path: Path, face: str
) -> None:
    repository = lay_out_stub_repository(tmp_path / "slow", seconds=1.0, instances=1)
    begun = SwapsBegun(repository)
    port = free_port()
    limits = {"FACESWAP_CONCURRENCY": "1", "FACESWAP_FRONT_IDLE_SECONDS": "3", "FACESWAP_WARM_UP": "0"}
    worker = start_worker(environment(repository, port, **limits))
    whole = raw_swap()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        wait_until(http, 200, worker)
        with contextlib.ExitStack() as stack:  # twice as many as may be in flight
            slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(4)]
            for connection in slow:
                connection.sendall(whole[:200])
            assert http.post("/swap", json={"source": face, "target": face}).status_code == 200
            said = [received(connection) for connection in slow]
        assert [answer[:13] for answer in said] == [b"HTTP/1.1 408 "] * 4
        for moment in (0, 10, 200, len(whole) // 2, len(whole) - 1, len(whole)):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                before = begun.count
                connection.sendall(whole[:moment])
                if moment == len(whole):
                    begun.wait_for(before + 1)
        answers: list[int] = []
        body = {"source": face, "target": face}
        threads = [
            threading.Thread(target=lambda: answers.append(http.post("/swap", json=body).status_code)) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(answers) == {200, 503}, "two are in flight, the others are refused"
    assert worker.stop() == ExitCode.STOPPED
    assert "the caller hung up" in worker.text()
    assert "Traceback" not in worker.text()
    assert "Exception" not in worker.text()


def test_silent_callers_cannot_take_the_connections_of_a_health_check(start_worker: StartWorker, stub: Path) -> None:
    port, health = free_port(), free_port()
    limits = {"FACESWAP_FRONT_MAX_CONNECTIONS": "3", "FACESWAP_FRONT_HEADER_SECONDS": "60"}
    worker = start_worker(environment(stub, port, PORT_HEALTH=str(health), **limits))
    with httpx.Client(base_url=f"http://127.0.0.1:{health}", trust_env=False, timeout=60) as http:
        wait_until(http, 200, worker)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        time.sleep(0.3)
        for each in (port, health):
            assert httpx.get(f"http://127.0.0.1:{each}/ping", trust_env=False, timeout=60).status_code == 200


def test_a_token_where_one_is_set(start_worker: StartWorker, stub: Path, face: str) -> None:
    port, token = free_port(), "a-token-of-the-tests-0123456789"
    worker = start_worker(environment(stub, port, FACESWAP_TOKEN=token))
    body = {"source": face, "target": face}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        wait_until(http, 200, worker)
        refused = http.post("/swap", json=body)
        assert (refused.status_code, refused.json()["error"][:14]) == (401, "UNAUTHORIZED: ")
        assert http.post("/swap", json=body, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert http.get("/v2/health/ready").status_code == 200
    assert worker.stop() == ExitCode.STOPPED
    assert token not in worker.text()


@pytest.mark.parametrize(("name", "value"), [("FACESWAP_FRONT_IDLE_SECONDS", "0"), ("FACESWAP_TOKEN", "short")])
def test_a_setting_of_the_http_server_that_is_not_allowed(
    name: str, value: str, start_worker: StartWorker, stub: Path
) -> None:
    worker = start_worker(environment(stub, free_port(), **{name: value}))
    assert worker.process.wait(60) == ExitCode.BAD_SETTINGS
    assert (name if name != "FACESWAP_TOKEN" else "the token must be") in worker.text()


def test_requests_cut_off_by_the_drain_time_are_told_by_the_exit_code(
    start_worker: StartWorker, tmp_path: Path, face: str
) -> None:
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=8.0)
    begun = SwapsBegun(slow)
    port = free_port()
    more = {"FACESWAP_WARM_UP": "0", "FACESWAP_DRAIN_SECONDS": "1"}
    worker = start_worker(environment(slow, port, **more))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        wait_until(http, 200, worker)

        def swap() -> None:
            with contextlib.suppress(httpx.TransportError):
                http.post("/swap", json={"source": face, "target": face})

        before = begun.count
        swapping = threading.Thread(target=swap)
        swapping.start()
        begun.wait_for(before + 1)
        assert worker.stop() == ExitCode.DRAIN_TIMED_OUT
        swapping.join()
    assert "1 requests did not finish within 1 s" in worker.text()
    assert "Traceback" not in worker.text()


def test_an_image_for_images(plain_api: httpx.Client) -> None:
    image = probe_image()
    files = [("source", ("me.jpg", image)), ("target", ("group.jpg", image))]
    answer = plain_api.post("/swap", files=files, data={"output_format": "png"}, headers={"accept": "image/*"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-faceswap-faces"] == "1"
    assert answer.content.startswith(b"\x89PNG")


def test_json_for_json_and_lists_for_lists(plain_api: httpx.Client, face: str) -> None:
    answer = plain_api.post("/swap", json={"source": face, "target": [face]})
    (result,) = answer.json()["results"]
    assert result["faces"][0]["swapped"]
    files = [("source", probe_image()), ("target", probe_image()), ("target", probe_image())]
    assert len(plain_api.post("/swap", files=files).json()["results"]) == 2
    faces = plain_api.post("/faces", files={"image": probe_image()}, data={"detection_threshold": "0.4"}).json()
    assert len(faces["faces"]) == 1
    assert plain_api.post("/faces", json={"image": face}).json()["faces"][0]["embedding"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/swap", {"json": {}}, 400, "BAD_INPUT"),
        ("/swap", {"json": []}, 400, "BAD_INPUT"),
        ("/swap", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "BAD_INPUT"),
        ("/swap", {"content": b"x", "headers": {"content-type": "text/plain"}}, 400, "BAD_INPUT"),
        ("/swap", {"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "BAD_INPUT"),
        ("/swap", {"json": {"task": "faces", "image": "x"}}, 400, "BAD_INPUT"),
        ("/swap", {"files": {"source": b"1", "target": b"2", "other": b"3"}}, 400, "UNKNOWN_OPTION"),
        ("/swap", {"files": {"source": b"text", "target": b"text"}}, 415, "NOT_AN_IMAGE"),
        ("/swap", {"json": {"source": "http://a/", "target": "x"}}, 400, "DOWNLOAD_REFUSED"),
        ("/faces", {"json": {"image": "%"}}, 400, "BAD_BASE64"),
        ("/faces", {"json": {"image": "AAAA", "max_faces": 0}}, 400, "INVALID_OPTION"),
    ],
)
def test_every_refusal_has_its_code_and_status(
    path: str, body: dict[str, Any], status: int, code: str, plain_api: httpx.Client
) -> None:
    answer = plain_api.post(path, **body)
    assert answer.json()["error"].startswith(f"{code}: ")
    assert answer.status_code == status == http_status(code)
    assert answer.headers["x-request-id"]


def test_a_body_beyond_the_platforms_limit_is_refused_before_it_is_read(plain_api: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(1_000_000)

    announced = plain_api.post("/swap", content=bytes(30_000_001), headers={"content-type": "application/json"})
    assert announced.status_code == 413
    try:
        streamed = plain_api.post("/swap", content=endless(), headers={"content-type": "application/json"})
        assert streamed.status_code == 413
        assert streamed.json()["error"].startswith("BODY_TOO_LARGE")
    except httpx.WriteError:
        pass  # the server closed the connection while we were still sending


def test_the_openapi_document_names_every_option_and_every_code(plain_api: httpx.Client) -> None:
    document = plain_api.get("/openapi.json").json()
    swap = document["paths"]["/swap"]["post"]
    for kind in ("application/json", "multipart/form-data"):
        schema = swap["requestBody"]["content"][kind]["schema"]
        assert set(OPTION_NAMES) | {"source", "target", "allow_reencode"} == set(schema["properties"])
    text = json.dumps(swap["responses"])
    assert all(code in text for origin in (Origin.SERVICE, Origin.HTTP, Origin.WORKER) for code in codes_of(origin))


def test_requests_under_way_finish_after_sigterm_and_the_health_check_says_no(
    start_worker: StartWorker, tmp_path: Path, face: str
) -> None:
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=1.5)
    begun = SwapsBegun(slow)
    port, health = free_port(), free_port()
    worker = start_worker(environment(slow, port, PORT_HEALTH=str(health), FACESWAP_WARM_UP="0"))
    answers: list[httpx.Response] = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        wait_until(http, 200, worker)
        assert httpx.get(f"http://127.0.0.1:{health}/ping", trust_env=False, timeout=60).status_code == 200
        swap = threading.Thread(
            target=lambda: answers.append(http.post("/swap", json={"source": face, "target": face}))
        )
        before = begun.count
        swap.start()
        begun.wait_for(before + 1)
        assert worker.stop() == ExitCode.STOPPED
        swap.join()
    assert answers[0].status_code == 200


def test_a_dead_server_is_a_503_until_it_is_back_and_requests_under_way_are_answered(
    start_worker: StartWorker, tmp_path: Path, face: str
) -> None:
    slow = lay_out_stub_repository(tmp_path / "slow", seconds=2.0)
    begun = SwapsBegun(slow)
    port, body = free_port(), {"source": face, "target": face}
    worker = start_worker(environment(slow, port, HEALTH_CHECK_PATH="/health/live", FACESWAP_WARM_UP="0"))
    answers: list[httpx.Response] = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        wait_until(http, 200, worker, "/health/live")
        swap = threading.Thread(target=lambda: answers.append(http.post("/swap", json=body)))
        before = begun.count
        swap.start()
        begun.wait_for(before + 1)
        os.kill(worker.server(), signal.SIGKILL)
        wait_until(http, 503, worker, "/health/live")
        refused = http.post("/swap", json=body)
        assert (refused.status_code, refused.json()["error"][:13]) == (503, "SERVER_BUSY: ")
        assert int(refused.headers["retry-after"]) >= 1
        assert wait_until(http, 200, worker, "/health/live") <= {503, 200}, "it is no cold start"
        swap.join()
        assert answers[0].status_code == 200
        assert http.post("/swap", json=body).status_code == 200
    assert worker.stop() == ExitCode.STOPPED


def test_a_server_that_cannot_be_brought_back_ends_the_worker_with_three(start_worker: StartWorker, stub: Path) -> None:
    port = free_port()
    worker = start_worker(environment(stub, port, FACESWAP_RESTARTS="0"))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        wait_until(http, 200, worker)
        (stub / "face_swap" / "1" / "model.py").write_text("import a_module_that_does_not_exist\n")
        os.kill(worker.server(), signal.SIGKILL)
        assert worker.process.wait(60) == ExitCode.SERVER_FAILED
    assert "1 start in a row did not make it ready; the last failure: " in worker.text()
    assert "a_module_that_does_not_exist" in worker.text()


def test_more_warm_up_than_may_be_in_flight_is_no_failure(start_worker: StartWorker, offline_pack: Path) -> None:
    port = free_port()
    worker = start_worker(environment(offline_pack, port, FACESWAP_MAX_IN_FLIGHT="1", FACESWAP_WARM_UP="8"))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
        wait_until(http, 200, worker)
    assert "warm-up of 8 swaps at once: a swap of the built-in image failed: SERVER_BUSY" in worker.text()
    assert worker.stop() == ExitCode.STOPPED


def test_a_port_in_use_is_a_five(start_worker: StartWorker, stub: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        worker = start_worker(environment(stub, taken.getsockname()[1]))
        assert worker.process.wait(60) == ExitCode.CANNOT_LISTEN
    assert "Address already in use" in worker.text()
