"""Admission on the real server: a limited number of requests and limited memory, and nothing that stays behind."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil
import pytest
from faceswap_client import Client, DeadlineExceeded, OptionError
from faceswap_core.buffers.server_name import buffer_folder
from faceswap_core.buffers.server_processes import ServerProcesses, allocated_bytes, regions_of
from faceswap_server.triton import ServerSettings, TritonServer
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

MOST = 4
LIMIT_MB = 1100
REQUEST_SECONDS = 8
MOST_FACES = 4


@pytest.fixture(scope="module")
def limited(offline_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    settings = ServerSettings(
        offline_repository,
        log=tmp_path_factory.mktemp("limited") / "server.log",
        environment={
            "FACESWAP_MAX_IN_FLIGHT": str(MOST),
            "FACESWAP_MEMORY_LIMIT_MB": str(LIMIT_MB),
            "FACESWAP_REQUEST_SECONDS": str(REQUEST_SECONDS),
            "FACESWAP_MAX_FACES": str(MOST_FACES),
        },
    )
    with TritonServer(settings) as server:
        yield server


@pytest.fixture
def triton(limited: TritonServer) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(limited.grpc_address) as client:
        yield client


def leases(server: TritonServer) -> int:
    return len(list(buffer_folder(server.pid).glob("*.target")))


def until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def inputs(source: bytes, target: bytes) -> list[InferInput]:
    made = []
    for name, data in (("SOURCE_IMAGE", source), ("TARGET_IMAGE", target)):
        tensor = InferInput(name, [1], "BYTES")
        tensor.set_data_from_numpy(np.array([data], dtype=np.object_))
        made.append(tensor)
    return made


def swap(triton: InferenceServerClient, source: bytes, target: bytes) -> str:
    """`ok`, or the server's error text."""
    wanted = [InferRequestedOutput("SWAPPED_IMAGE")]
    try:
        answer = triton.infer("face_swap", inputs(source, target), outputs=wanted)
    except InferenceServerException as error:
        return str(error.message())
    return "ok" if answer.as_numpy("SWAPPED_IMAGE")[0] else "empty"


def png(height: int, width: int, channels: int = 3) -> bytes:
    """Few bytes, many pixels: decoding costs, sending does not."""
    written, data = cv2.imencode(".png", np.full((height, width, channels), 90, np.uint8))
    assert written
    return data.tobytes()


def test_above_the_limit_callers_are_told_at_once_and_when_to_return(
    limited: TritonServer, triton: InferenceServerClient, portrait: Path, group: Path
) -> None:
    source, target = portrait.read_bytes(), group.read_bytes()
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: swap(triton, source, target), range(48)))
    refused = [text for text in answers if text != "ok"]
    assert 0 < len(refused) < 48
    pattern = re.compile(r"SERVER_BUSY: 4 requests are in flight, the most this server takes; retry after \d+ ms$")
    assert all(pattern.search(text) for text in refused), set(refused)
    assert leases(limited) == 0
    assert swap(triton, source, target) == "ok"


def metric(server: TritonServer, name: str) -> float:
    lines = httpx.get(server.metrics_url, trust_env=False, timeout=60).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_metrics_show_limits_use_and_refusals(
    limited: TritonServer, triton: InferenceServerClient, portrait: Path, group: Path
) -> None:
    refused = metric(limited, 'faceswap_refused_busy_total{limit="requests"')
    source, target = portrait.read_bytes(), group.read_bytes()
    with ThreadPoolExecutor(24) as pool:
        answers = pool.map(lambda _: swap(triton, source, target), range(48))
        assert until(lambda: metric(limited, 'faceswap_requests{kind="used"') > 0)
        busy = sum("SERVER_BUSY" in text for text in answers)
    assert metric(limited, 'faceswap_refused_busy_total{limit="requests"') - refused == busy > 0
    assert metric(limited, 'faceswap_requests{kind="limit"') == MOST
    assert metric(limited, 'faceswap_memory_bytes{kind="limit"') == LIMIT_MB * 2**20
    assert 200e6 < metric(limited, 'faceswap_memory_bytes{kind="processes"') < LIMIT_MB * 2**20
    assert until(lambda: metric(limited, 'faceswap_requests{kind="used"') == 0)
    assert until(lambda: metric(limited, 'faceswap_memory_bytes{kind="frames"') == 0)


def test_triton_itself_refuses_what_does_not_fit_into_its_queue(
    limited: TritonServer, triton: InferenceServerClient, portrait: Path
) -> None:
    sent, answers = inputs(png(64, 64), png(5000, 6000)), []
    for _ in range(300):  # small bodies, so that they arrive while the first ones are decoded
        triton.async_infer("face_swap", sent, callback=lambda result, error: answers.append(str(error)))
    assert until(lambda: len(answers) == 300, 180.0)
    source, slow = portrait.read_bytes(), png(300, 300)
    assert any("Exceeds maximum queue size" in text for text in answers), set(answers)
    assert until(lambda: leases(limited) == 0)
    assert until(lambda: "NO_FACE_IN_TARGET" in swap(triton, source, slow)), "it is as well as before"


def _note_error(errors: list[object], result: object, error: object) -> None:
    errors.append(error)


def _has_length(items: list[object], length: int) -> bool:
    return len(items) == length


def test_a_request_that_waits_longer_than_its_caller_wants_is_turned_away(
    limited: TritonServer, triton: InferenceServerClient, portrait: Path
) -> None:
    source, slow = portrait.read_bytes(), inputs(png(64, 64), png(5000, 6000))
    said = ""
    for _ in range(10):  # both instances of the step must be at work when it comes
        ended: list[object] = []
        for _ in range(MOST):
            triton.async_infer("face_swap", slow, callback=partial(_note_error, ended))
        try:
            triton.infer("face_swap", inputs(source, source), timeout=1000)
        except InferenceServerException as error:
            said = f"{error.status()} {error.message()}"
        assert until(partial(_has_length, ended, MOST))
        if "timeout expired" in said:
            break
    assert "UNAVAILABLE" in said
    assert "timeout expired" in said
    assert until(lambda: leases(limited) == 0)
    answer = triton.infer("face_swap", inputs(source, portrait.read_bytes()), timeout=60_000_000)
    assert answer.as_numpy("SWAPPED_IMAGE")[0], "a timeout that is long enough changes nothing"


@pytest.mark.parametrize("protocol", ["gRPC", "HTTP"])
def test_a_request_whose_callers_time_is_over_costs_no_more_work(
    protocol: str, limited: TritonServer, triton: InferenceServerClient, portrait: Path
) -> None:
    source, slow = portrait.read_bytes(), png(5000, 6000)
    detected = metric(limited, 'nv_inference_count{model="det_10g"')
    if protocol == "gRPC":
        with pytest.raises(InferenceServerException, match=r"DEADLINE_EXCEEDED: .* than the 0.05 s its caller gave$"):
            triton.infer("face_swap", inputs(source, slow), timeout=50_000)
    else:
        with Client(limited.http_url, remember_sources=0) as client, pytest.raises(DeadlineExceeded):
            client.swap(source, slow, timeout=0.05)
        assert until(lambda: metric(limited, 'nv_inference_request_failure{model="face_swap"') > 0)
    assert until(lambda: leases(limited) == 0)
    time.sleep(0.5)
    assert metric(limited, 'nv_inference_count{model="det_10g"') == detected
    answer = triton.infer("face_swap", inputs(source, source), timeout=60_000_000)
    assert answer.as_numpy("SWAPPED_IMAGE")[0], "time enough changes nothing"


def test_no_more_faces_are_worked_on_than_the_server_allows(limited: TritonServer, portrait: Path, group: Path) -> None:
    with Client(limited.grpc_address) as client:
        faces = client.swap(portrait, group).faces
        assert len(faces) == MOST_FACES
        assert all(face.swapped for face in faces)
        with pytest.raises(OptionError, match=rf"max_faces=5 is not allowed: this server takes 1 to {MOST_FACES}"):
            client.swap(portrait, group, max_faces=5)


def test_every_way_a_request_can_end_releases_its_lease(
    limited: TritonServer, triton: InferenceServerClient, portrait: Path, group: Path
) -> None:
    source, target = portrait.read_bytes(), group.read_bytes()
    endings = {
        swap(triton, source, target): "ok",
        swap(triton, source, png(300, 300)): "NO_FACE_IN_TARGET",
        swap(triton, png(300, 300), target): "NO_FACE_IN_SOURCE",
        swap(triton, source, target[: len(target) // 2]): "TRUNCATED_IMAGE",
        swap(triton, source, b"text"): "NOT_AN_IMAGE",
    }
    assert all(expected in text for text, expected in endings.items()), endings
    image = InferInput("IMAGE", [1], "BYTES")
    image.set_data_from_numpy(np.array([target], dtype=np.object_))
    assert triton.infer("face_analysis", [image]).as_numpy("FACES").size == 1
    frame = InferInput("TARGET_FRAME", [240, 320, 3], "UINT8")
    frame.set_data_from_numpy(np.zeros((240, 320, 3), np.uint8))
    identity = InferInput("SOURCE_EMBEDDINGS", [1, 512], "FP32")
    identity.set_data_from_numpy(np.ones((1, 512), np.float32))
    answer = triton.infer("face_swap_identity", [identity, frame], parameters={"on_no_face": "passthrough"})
    assert answer.as_numpy("SWAPPED_FRAME").shape == (240, 320, 3)
    assert leases(limited) == 0


def test_requests_that_fail_leave_nothing_in_tritons_shared_memory(
    limited: TritonServer, triton: InferenceServerClient, portrait: Path
) -> None:
    steps = psutil.Process(limited.pid).children(recursive=True)
    regions = {region for step in steps for region in regions_of(step)}
    text, before = b"text" * 2**21, allocated_bytes(regions)
    for _ in range(16):
        assert "NOT_AN_IMAGE" in swap(triton, portrait.read_bytes(), text)
    # two instances of the step, and a region takes up to 2.7 times the largest tensor; held inputs would be 134 MB
    assert len(regions) >= 8
    assert allocated_bytes(regions) - before < 2 * 2.7 * len(text)


def test_transparent_targets_leave_no_more_in_tritons_shared_memory_than_others(
    server: TritonServer, portrait: Path
) -> None:
    """What belongs to a target lies in the buffer pool: its alpha made the regions 97 MB larger, for good."""
    portrait_bytes = portrait.read_bytes()
    regions = {region for step in psutil.Process(server.pid).children(recursive=True) for region in regions_of(step)}

    def after_six(channels: int) -> int:
        target = png(4000, 6000, channels)
        with InferenceServerClient(server.grpc_address) as client, ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda _: swap(client, portrait_bytes, target), range(6)))
        assert all("NO_FACE_IN_TARGET" in text for text in answers), answers
        return allocated_bytes(regions)

    opaque = after_six(3)
    assert len(regions) >= 8
    assert after_six(4) - opaque < 12 * 2**20, "one alpha plane has 24 MB"


def test_cancelled_requests_stop_costing_work(
    limited: TritonServer, triton: InferenceServerClient, portrait: Path, group: Path
) -> None:
    sent = inputs(portrait.read_bytes(), group.read_bytes())
    for wait in (0.0, 0.02, 0.06, 0.12, 0.2, 0.3):
        ended = threading.Event()
        running = [
            triton.async_infer("face_swap", sent, callback=lambda result, error, ended=ended: ended.set())
            for _ in range(MOST)
        ]
        time.sleep(wait)
        for context in running:
            context.cancel()
        assert ended.wait(60)
    # a lease whose request Triton dropped between two steps is orphaned at the latest when its request's time is over
    assert until(lambda: leases(limited) == 0, REQUEST_SECONDS + 30.0)
    assert swap(triton, portrait.read_bytes(), group.read_bytes()) == "ok"


def test_the_memory_limit_holds_under_large_images(
    limited: TritonServer, triton: InferenceServerClient, portrait: Path
) -> None:
    source, large = portrait.read_bytes(), png(4000, 5000)
    memory, peak, done = ServerProcesses(limited.pid), [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            frames = sum(
                path.stat().st_blocks * 512 for path in buffer_folder(limited.pid).glob("*.*") if path.exists()
            )
            peak[0] = max(peak[0], memory.held_bytes() + frames)
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: swap(triton, source, large), range(24)))
    finally:
        done.set()
        watcher.join()
    kinds = {text.split(":")[0].split("'")[-1].strip(", ") for text in answers}
    assert kinds <= {"NO_FACE_IN_TARGET", "SERVER_BUSY"}
    assert any("the memory limit of 1100 MB leaves no room" in text for text in answers), set(answers)
    assert any("NO_FACE" in text for text in answers), "some were served"
    assert peak[0] <= LIMIT_MB * 2**20
