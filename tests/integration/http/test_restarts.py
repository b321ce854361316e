"""Callers of the front while Triton stops or restarts: 503 with Retry-After, never "unknown model" or a fault."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from faceswap_client import Client
from faceswap_server.exit_codes import ExitCode
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton.ports import free_port
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from support.served import Served


@contextmanager
def asking(url: str) -> Iterator[list[httpx.Response]]:
    """A caller that asks for the model's metadata again and again; the answers so far."""
    answers: list[httpx.Response] = []
    ended = threading.Event()

    def ask() -> None:
        # in the end the front stops listening
        with suppress(httpx.TransportError), httpx.Client(trust_env=False, timeout=30) as http:
            while not ended.wait(0.01):
                answers.append(http.get(f"{url}/v2/models/face_swap"))
                answers.append(http.get(f"{url}/v2/models/face_swap/ready"))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        ended.set()
        thread.join()


def swap_twice(address: str) -> None:
    with Client(address, timeout=30, remember_sources=0) as client, ThreadPoolExecutor(2) as pool:
        for swap in [pool.submit(client.swap, probe_image(), probe_image()) for _ in range(2)]:
            swap.result()


def test_a_kill_and_a_drain(tmp_path: Path) -> None:
    repository = lay_out_stub_repository(tmp_path / "stub", seconds=2)
    port = free_port()
    with Served(tmp_path, f"--repository={repository}", f"--listen=127.0.0.1:{port}") as served:
        address = served.wait_until("healthy")["grpc"]
        with asking(f"http://127.0.0.1:{port}") as answers:
            served.triton().kill()
            served.wait_until("restarting")
            served.wait_until("healthy")
            in_flight = threading.Thread(target=swap_twice, args=(address,))
            in_flight.start()  # so that it takes seconds to drain
            time.sleep(0.5)
            served.process.send_signal(signal.SIGTERM)
            assert served.end()[0] == ExitCode.STOPPED
    in_flight.join()
    assert {answer.status_code for answer in answers} == {200, 503}
    busy = [answer for answer in answers if answer.status_code == 503]
    assert all(answer.json()["error"].startswith("SERVER_BUSY: ") for answer in busy)
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in busy)
