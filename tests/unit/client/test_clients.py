"""Both clients over both protocols against a fake server that speaks them for real."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
from faceswap_client import (
    Analysis,
    AsyncClient,
    BadAnswer,
    Box,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    FaceError,
    Point,
    RequestError,
    ServerBusy,
    ServerError,
    SwapResult,
)
from faceswap_client._errors import CLASS_BY_CODE
from faceswap_contract.errors import ERRORS, TRITON_STATUS, Origin, codes_of

Caller = Callable[..., Any]


@pytest.fixture(params=["grpc", "http"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, fake: Any, protocol: str) -> Caller:
    """`call("swap", ...)` on a fresh client of either kind."""

    def sync(method: str, *arguments: Any, client: dict[str, Any] | None = None, **options: Any) -> Any:
        with Client(fake.address(protocol), **(client or {})) as opened:
            return getattr(opened, method)(*arguments, **options)

    def asynchronous(method: str, *arguments: Any, client: dict[str, Any] | None = None, **options: Any) -> Any:
        async def run() -> Any:
            async with AsyncClient(fake.address(protocol), **(client or {})) as opened:
                return await getattr(opened, method)(*arguments, **options)

        return asyncio.run(run())

    return sync if request.param == "sync" else asynchronous


def test_swap_sends_the_images_and_reads_the_faces(fake: Any, call: Caller) -> None:
    result = call("swap", [b"one", b"two\0"], b"target")
    assert isinstance(result, SwapResult)
    (seen,) = fake.seen
    assert seen.model == "face_swap"
    assert seen.inputs == {"SOURCE_IMAGE": [b"one", b"two\0"], "TARGET_IMAGE": [b"target"]}
    assert seen.parameters == {}
    assert seen.patience_s == pytest.approx(30, abs=5), "the client's default, over either protocol"
    assert seen.request_id == result.request_id != ""
    assert result.image.endswith(b"target")
    assert (result.format, result.width, result.height) == ("jpeg", 320, 200)
    assert [(face.index, face.swapped, face.source, face.source_face) for face in result.faces] == [
        (0, True, 0, 1),
        (1, False, None, None),
    ]
    assert result.faces[1].box == Box(100, 10.5, 190, 110)
    assert result.faces[1].landmarks.nose == Point(145, 60)
    (source,) = result.sources
    assert (source.index, source.width, source.height, source.faces) == (1, 64, 48, 3)


def test_faces_pairs_each_face_with_its_embedding(fake: Any, call: Caller) -> None:
    analysis = call("faces", b"image")
    assert isinstance(analysis, Analysis)
    assert fake.seen[0].model == "face_analysis"
    assert fake.seen[0].inputs == {"IMAGE": [b"image"]}
    assert [face.embedding.shape for face in analysis.faces] == [(512,), (512,)]
    assert [float(face.embedding[7]) for face in analysis.faces] == [0.0, 1.0]
    assert analysis.faces[0].embedding.dtype == np.float32


def test_options_arrive_as_they_were_given(fake: Any, call: Caller) -> None:
    call(
        "swap",
        b"s",
        b"t",
        source_face=1,
        target_faces=[2, 0],
        max_faces=3,
        min_face_size=16,
        detection_threshold=0.25,
        max_side=1080,
        output_format="png",
        output_quality=90,
        on_no_face="passthrough",
        blend="exact",
        label="top-left",
        label_size=0.125,
    )
    assert fake.seen[0].parameters == {
        "source_face": 1,
        "target_faces": "2,0",
        "max_faces": 3,
        "min_face_size": 16,
        "detection_threshold": 0.25,
        "max_side": 1080,
        "output_format": "png",
        "output_quality": 90,
        "on_no_face": "passthrough",
        "blend": "exact",
        "label": "top-left",
        "label_size": 0.125,
    }


def test_numbers_no_protocol_carries_arrive_as_text(fake: Any, call: Caller) -> None:
    call("faces", b"p", max_faces=2**70, detection_threshold=float("nan"))
    assert fake.seen[0].parameters == {"max_faces": str(2**70), "detection_threshold": "nan"}


@pytest.mark.parametrize("code", codes_of(Origin.SERVICE))
def test_every_server_code_becomes_its_class(fake: Any, call: Caller, code: str) -> None:
    failure = failing(fake, f"in ensemble 'face_swap', {code}: something about it", ERRORS[code].grpc_status)
    fake.answer = failure
    with pytest.raises(CLASS_BY_CODE[code]) as caught:
        call("swap", b"s", b"t")
    assert type(caught.value) is CLASS_BY_CODE[code]
    assert caught.value.code == code
    assert caught.value.message == "something about it"
    assert caught.value.request_id == fake.seen[0].request_id


def failing(fake: Any, text: str, grpc_status: str | None) -> Callable[[Any], Any]:
    assert grpc_status
    failure = fake.failure(text, grpc.StatusCode[grpc_status], TRITON_STATUS[grpc_status][1])

    def fail(seen: Any) -> Any:
        raise failure

    return fail


def test_tritons_full_queue_is_a_busy_server_not_a_broken_connection(fake: Any, call: Caller) -> None:
    text = "[request id: 1] in ensemble 'face_swap', Exceeds maximum queue size"
    fake.answer = failing(fake, text, "UNAVAILABLE")
    with pytest.raises(ServerBusy, match="^SERVER_BUSY: Exceeds maximum queue size$"):
        call("swap", b"s", b"t")


def test_a_code_from_the_future_keeps_its_name(fake: Any, call: Caller) -> None:
    fake.answer = failing(fake, "NOT_YET_INVENTED: no", "INVALID_ARGUMENT")
    with pytest.raises(RequestError) as caught:
        call("swap", b"s", b"t")
    assert caught.value.code == "NOT_YET_INVENTED"


def test_an_answer_that_never_comes_ends_at_the_timeout(fake: Any, call: Caller) -> None:
    over = threading.Event()
    fake.answer = lambda seen: over.wait(20)
    began = time.monotonic()
    try:
        with pytest.raises(DeadlineExceeded, match=r"within 0\.3 s") as caught:
            call("swap", b"s", b"t", timeout=0.3)
    finally:
        over.set()
    assert time.monotonic() - began < 10
    assert caught.value.request_id != ""


def test_the_clients_timeout_holds_where_the_call_names_none(fake: Any, call: Caller) -> None:
    over = threading.Event()
    fake.answer = lambda seen: over.wait(20)
    try:
        with pytest.raises(DeadlineExceeded):
            call("faces", b"p", client={"timeout": 0.3})
    finally:
        over.set()


@pytest.mark.parametrize(
    "document",
    [b"not json", b"[]", b"{}", b'{"width": 1, "height": 1, "faces": [{"index": 0}]}', b"\xff", b"[" * 99999],
)
def test_faces_that_cannot_be_read_are_a_bad_answer(fake: Any, call: Caller, document: bytes) -> None:
    fake.answer = lambda seen: fake.outputs(SWAPPED_IMAGE=b"x", FACES=document)
    with pytest.raises(BadAnswer):
        call("swap", b"s", b"t")


def test_a_missing_output_is_a_bad_answer(fake: Any, call: Caller) -> None:
    fake.answer = lambda seen: fake.outputs(FACES=b"{}")
    with pytest.raises(BadAnswer, match="no output SWAPPED_IMAGE"):
        call("swap", b"s", b"t")


def test_nobody_listening_is_connection_failed(protocol: str) -> None:
    address = "127.0.0.1:9" if protocol == "grpc" else "http://127.0.0.1:9"
    with Client(address, timeout=30) as client:
        assert client.ready() is False
        with pytest.raises(ConnectionFailed, match="[Rr]efused"):
            client.swap(b"s", b"t")


def test_ready_says_what_the_server_says(fake: Any, call: Caller) -> None:
    assert call("ready") is True
    fake.ready = False
    assert call("ready") is False


def test_headers_travel_with_every_request(fake: Any, call: Caller) -> None:
    call("swap", b"s", b"t", client={"headers": {"X-Team": "blue"}})
    assert {name.lower(): value for name, value in fake.seen[0].headers.items()}["x-team"] == "blue"


def test_a_large_image_fits(fake: Any, call: Caller) -> None:
    target = bytes(40 * 2**20)
    assert len(call("swap", b"s", target).image) > len(target)


def test_sixteen_threads_share_a_client_and_each_gets_its_own_answer(fake: Any, protocol: str) -> None:
    targets = [f"target {index}".encode() for index in range(160)]
    with Client(fake.address(protocol)) as client, ThreadPoolExecutor(16) as threads:
        results = list(threads.map(lambda target: client.swap(b"s", target), targets))
    assert [result.image.endswith(target) for result, target in zip(results, targets, strict=True)] == [True] * 160
    assert len({result.request_id for result in results}) == 160


def test_many_async_calls_wait_at_once(fake: Any, protocol: str) -> None:
    together = threading.Barrier(4, timeout=60)
    usual = fake.answer

    def answer(seen: Any) -> Any:
        together.wait()
        return usual(seen)

    fake.answer = answer

    async def run() -> list[SwapResult]:
        async with AsyncClient(fake.address(protocol)) as client:
            return await asyncio.gather(*(client.swap(b"s", str(index).encode()) for index in range(8)))

    results = asyncio.run(run())
    assert [result.image[-1:] for result in results] == [str(index).encode() for index in range(8)]


def test_a_cancelled_task_stays_cancelled(fake: Any, protocol: str) -> None:
    over = threading.Event()
    fake.answer = lambda seen: over.wait(20)

    async def run() -> None:
        async with AsyncClient(fake.address(protocol)) as client:
            task = asyncio.create_task(client.swap(b"s", b"t"))
            while not fake.seen:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    try:
        asyncio.run(run())
    finally:
        over.set()


def test_a_call_over_grpc_is_never_cancelled(fake: Any) -> None:
    """Cancelled calls can crash Triton 24.10; what a caller no longer waits for ends by its own timeout."""
    usual, go_on = fake.answer, threading.Event()

    def answer(seen: Any) -> Any:
        go_on.wait(60)
        return usual(seen)

    fake.answer = answer

    async def give_up() -> None:
        async with AsyncClient(fake.grpc_address) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.swap(b"s", b"t"), 0.2)
            with pytest.raises(DeadlineExceeded):
                await client.swap(b"s", b"t", timeout=0.2)
            gc.collect()
            go_on.set()

    with Client(fake.grpc_address) as client:
        with pytest.raises(DeadlineExceeded):
            client.swap(b"s", b"t", timeout=0.2)
        gc.collect()  # grpcio cancels a call whose future is collected
        asyncio.run(give_up())
    assert fake.not_cancelled == [True] * 3


def test_an_async_client_may_be_made_before_there_is_a_loop(fake: Any, protocol: str) -> None:
    client = AsyncClient(fake.address(protocol))

    async def run() -> SwapResult:
        async with client:
            return await client.swap(b"s", b"t")

    assert asyncio.run(run()).width == 320


def test_no_source_is_refused_before_anything_is_sent(fake: Any, call: Caller) -> None:
    with pytest.raises(RequestError) as caught:
        call("swap", [], b"t")
    assert caught.value.code == "WRONG_PICTURE_COUNT"
    assert fake.seen == []


def test_a_closed_client_says_so(fake: Any, protocol: str) -> None:
    client = Client(fake.address(protocol))
    client.close()
    client.close()
    for use in (lambda: client.swap(b"s", b"t"), client.ready):
        with pytest.raises(ConnectionFailed) as caught:
            use()
        assert caught.value.code == "CLIENT_CLOSED"


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_above_zero(fake: Any, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        Client(fake.grpc_address, timeout=timeout)
    with Client(fake.grpc_address) as client, pytest.raises(ValueError, match="timeout"):
        client.swap(b"s", b"t", timeout=timeout)


@pytest.mark.parametrize("method", ["swap", "faces", "ready", "close", "__init__"])
def test_both_clients_take_the_same_arguments(method: str) -> None:
    def arguments(client: type) -> list[tuple[str, Any, Any]]:
        parameters = inspect.signature(getattr(client, method)).parameters.values()
        return [(p.name, p.kind, p.default) for p in parameters if p.name != "transport"]

    assert arguments(Client) == arguments(AsyncClient)


def test_errors_of_the_server_class_are_server_errors(fake: Any, call: Caller) -> None:
    fake.answer = failing(fake, "something odd", "INTERNAL")
    with pytest.raises(ServerError) as caught:
        call("swap", b"s", b"t")
    assert (caught.value.code, caught.value.message) == ("SERVER_ERROR", "something odd")
    assert not isinstance(caught.value, FaceError)
