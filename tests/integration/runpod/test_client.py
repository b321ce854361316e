"""RunPodClient against answers the platform is known to give. No SDK, no network."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from faceswap_client import (
    BadAnswer,
    ConnectionFailed,
    DeadlineExceeded,
    FaceError,
    FaceSwapError,
    Identity,
    ImageError,
    RequestCancelled,
    RequestError,
    RunPodClient,
    ServerBusy,
    ServerError,
)
from faceswap_client._errors import CLASS_BY_CODE
from faceswap_contract.errors import Origin, codes_of
from faceswap_server.supervision.swap_probe import probe_image

FACE = {"index": 0, "box": [1.0, 2.0, 3.0, 4.0], "score": 0.9, "landmarks": [[0.0, 0.0]] * 5}
SWAP = {
    "image": base64.b64encode(probe_image()).decode(),
    "format": "jpeg",
    "width": 256,
    "height": 256,
    "faces": [{**FACE, "swapped": True, "source": 0, "source_face": 0}],
    "sources": [{**FACE, "width": 256, "height": 256, "faces": 1}],
}
DONE = {"id": "sync-1", "status": "COMPLETED", "output": SWAP, "delayTime": 8, "executionTime": 30}


class Platform:
    """Answers in turn; a callable answer is asked with the request."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith("/cancel/sync-1"):
            return httpx.Response(200, json={"id": "sync-1", "status": "CANCELLED"})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]


def client(platform: Platform, **more: Any) -> RunPodClient:
    return RunPodClient("abc", "sesame", httpx_transport=httpx.MockTransport(platform), **more)


def swap(platform: Platform, **more: Any) -> Any:
    with client(platform, **more) as runpod:
        return runpod.swap(b"source", b"target", max_faces=3)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceswap_client.transports.runpod.time.sleep", lambda seconds: None)


def test_the_job_holds_the_images_the_options_and_a_policy_and_nothing_else() -> None:
    platform = Platform(DONE)
    assert swap(platform, timeout=60).faces[0].swapped
    (request,) = platform.requests
    assert str(request.url) == "https://api.runpod.ai/v2/abc/runsync?wait=58000"
    assert request.headers["authorization"] == "Bearer sesame"
    assert json.loads(request.content) == {
        "input": {
            "task": "swap",
            "source": [base64.b64encode(b"source").decode()],
            "target": base64.b64encode(b"target").decode(),
            "max_faces": 3,
        },
        "policy": {"executionTimeout": 60000, "ttl": 60000},
    }


def test_an_early_answer_is_followed_until_the_end() -> None:
    pending = {"id": "sync-1", "status": "IN_QUEUE"}
    platform = Platform(pending, {**pending, "status": "IN_PROGRESS"}, httpx.Response(502, html="<html>"), DONE)
    assert swap(platform).width == 256
    assert platform.paths() == ["POST /v2/abc/runsync", *["GET /v2/abc/status/sync-1"] * 3]


def test_a_call_out_of_time_cancels_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 7))
    monkeypatch.setattr("faceswap_client.transports.runpod.time.monotonic", lambda: float(next(clock)))
    platform = Platform({"id": "sync-1", "status": "IN_PROGRESS"})
    with pytest.raises(DeadlineExceeded, match="DEADLINE_EXCEEDED: the job was not over in time"):
        swap(platform, timeout=60)
    assert platform.paths()[-1] == "POST /v2/abc/cancel/sync-1"
    assert platform.paths().count("POST /v2/abc/cancel/sync-1") == 1


def test_an_interrupted_call_cancels_its_job() -> None:
    class Interrupting(Platform):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/status/sync-1"):
                self.requests.append(request)
                raise KeyboardInterrupt
            return super().__call__(request)

    platform = Interrupting({"id": "sync-1", "status": "IN_QUEUE"})
    with pytest.raises(KeyboardInterrupt):
        swap(platform)
    assert platform.paths()[-1] == "POST /v2/abc/cancel/sync-1"


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(500), httpx.Response(502, html="<html>secret</html>"), httpx.Response(429),
        httpx.ReadError("broken"), httpx.ReadTimeout("slow"), httpx.Response(200, text="not json"),
    ],
)  # fmt: skip
def test_a_job_is_never_sent_twice(failure: Any) -> None:
    platform = Platform(failure)
    with pytest.raises(FaceSwapError):
        swap(platform)
    assert platform.paths() == ["POST /v2/abc/runsync"]


def ended(**body: Any) -> dict[str, Any]:
    return {"id": "sync-1", **body}


TRACEBACK = json.dumps({"error_type": "<class 'KeyError'>", "error_traceback": "Traceback ...", "hostname": "pod-7"})


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (ended(status="COMPLETED"), BadAnswer, "NO_OUTPUT"),
        (ended(status="COMPLETED", output={}), BadAnswer, "NO_OUTPUT"),
        (ended(status="COMPLETED", output={"image": "x"}), BadAnswer, "BAD_ANSWER"),
        (ended(status="COMPLETED", output=[1]), BadAnswer, "BAD_ANSWER"),
        (ended(status="FAILED", error="NO_FACE_IN_TARGET: nobody"), FaceError, "NO_FACE_IN_TARGET"),
        (ended(status="FAILED", error="OUTPUT_TOO_LARGE: 30 MB"), RequestError, "OUTPUT_TOO_LARGE"),
        (ended(status="FAILED", error="BAD_BASE64: target"), ImageError, "BAD_BASE64"),
        (ended(status="FAILED", error="SERVER_UNAVAILABLE: gone"), ServerError, "SERVER_UNAVAILABLE"),
        (ended(status="FAILED", error="SERVER_BUSY: full"), ServerBusy, "SERVER_BUSY"),
        (ended(status="FAILED", error=TRACEBACK), ServerError, "WORKER_FAILED"),
        (ended(status="FAILED", error={"error_traceback": "Traceback"}), ServerError, "WORKER_FAILED"),
        (ended(status="COMPLETED", error="INTERNAL: ours"), ServerError, "INTERNAL"),
        (ended(status="FAILED"), ServerError, "SERVER_ERROR"),
        (ended(status="CANCELLED"), RequestCancelled, "CANCELLED"),
        (ended(status="TIMED_OUT"), DeadlineExceeded, "TIMED_OUT"),
        ({"status": "IN_QUEUE"}, BadAnswer, "BAD_ANSWER"),
        ({"id": "../../health", "status": "IN_QUEUE"}, BadAnswer, "BAD_ANSWER"),
        (httpx.Response(401), RequestError, "UNAUTHORIZED"),
        (httpx.Response(404), RequestError, "NOT_FOUND"),
        (httpx.Response(413), RequestError, "BODY_TOO_LARGE"),
        (httpx.Response(429, headers={"retry-after": "7"}), ServerBusy, "SERVER_BUSY"),
        (httpx.Response(400, text="?"), RequestError, "REQUEST_REFUSED"),
        (httpx.Response(524, html="<html>"), ServerError, "PLATFORM_ERROR"),
        (httpx.ConnectError("no"), ConnectionFailed, "CONNECTION_FAILED"),
        (httpx.ConnectTimeout("no"), ConnectionFailed, "CONNECTION_FAILED"),
        (httpx.ReadTimeout("slow"), DeadlineExceeded, "DEADLINE_EXCEEDED"),
    ],
)
def test_every_ending_is_a_typed_error(answer: Any, kind: type[FaceSwapError], code: str) -> None:
    with pytest.raises(kind) as caught:
        swap(Platform(answer))
    assert caught.value.code == code
    assert caught.value.request_id
    for secret in ("Traceback", "pod-7", "html", "sesame"):
        assert secret not in str(caught.value)
    if code == "SERVER_BUSY" and isinstance(answer, httpx.Response):
        assert isinstance(caught.value, ServerBusy)
        assert caught.value.retry_after_s == 7


def test_what_cannot_be_sent_is_refused_here() -> None:
    platform = Platform(DONE)
    with client(platform) as runpod:
        with pytest.raises(RequestError, match="BODY_TOO_LARGE"):
            runpod.swap(bytes(16_000_000), b"target")
        with pytest.raises(RequestError, match="NOT_OFFERED"):
            runpod.swap(Identity([1.0] * 512), b"target")  # type: ignore[arg-type]
    assert platform.requests == []
    with pytest.raises(ValueError, match="endpoint id"):
        RunPodClient("abc/../def", "key")


def test_faces_come_with_their_embeddings() -> None:
    row = base64.b64encode(b"\0\0\x80\x3f" * 512).decode()
    output = {"width": 9, "height": 8, "faces": [{**FACE, "embedding": row}]}
    with client(Platform({**DONE, "output": output})) as runpod:
        analysis = runpod.faces(b"image")
        assert (analysis.width, analysis.height) == (9, 8)
        assert analysis.faces[0].embedding.tolist() == [1.0] * 512
    with client(Platform({**DONE, "output": {**output, "faces": []}})) as runpod:
        assert runpod.faces(b"image").faces == ()
    short = {**output, "faces": [{**FACE, "embedding": row[:40]}]}
    with client(Platform({**DONE, "output": short})) as runpod, pytest.raises(BadAnswer):
        runpod.faces(b"image")


@pytest.mark.parametrize(
    ("workers", "ready"),
    [({"idle": 1}, True), ({"running": 2, "idle": 0}, True), ({"idle": 0, "initializing": 1}, False), (None, False)],
)
def test_ready(workers: Any, ready: bool) -> None:
    platform = Platform({"workers": workers})
    with client(platform) as runpod:
        assert runpod.ready() is ready
    assert platform.paths() == ["GET /v2/abc/health"]


def test_reencoding_is_allowed_for_swaps_only() -> None:
    faces = {"width": 9, "height": 8, "faces": []}
    platform = Platform(DONE, {**DONE, "output": faces})
    with client(platform, allow_reencode=True, timeout=None) as runpod:
        runpod.swap(b"source", b"target")
        runpod.faces(b"image")
    first, second = (json.loads(request.content) for request in platform.requests)
    assert first["input"]["allow_reencode"] is True
    assert "allow_reencode" not in second["input"]
    assert "policy" not in first, "who waits for ever sets no limit"


def test_the_worker_and_the_client_know_the_same_codes() -> None:
    assert set(codes_of(Origin.WORKER)) <= set(CLASS_BY_CODE)
