"""What the front lets through, what it refuses, and to whom."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from faceswap_client import Client
from faceswap_models.checkout import Checkout
from faceswap_server.http import FrontServer, Upstream
from faceswap_server.http.kserve_proxy import PUBLIC_MODELS
from faceswap_server.jobs.swap_retrier import Unsupervised
from faceswap_server.supervision import Phase, ServerState
from faceswap_server.triton import TritonServer
from integration.http.conftest import LOOPBACK, TOKEN, Call, connected, everything_from, swap_call

SWAP = "/v2/models/face_swap"
CLOSED = [
    *(("GET", path) for path in ("/", "/v2", "/v2/", "/v2/models", "/v2/models/stats", "/docs", "/ping")),
    *(("GET", f"{SWAP}/{name}") for name in ("config", "stats", "trace/setting", "versions/1/config", "generate")),
    *(("POST", f"{SWAP}/{name}") for name in ("generate", "generate_stream", "trace/setting", "versions/x/infer")),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/face_swap/load"),
    ("POST", "/v2/repository/models/face_swap/unload"),
    *(("GET", f"/v2/{kind}sharedmemory/status") for kind in ("system", "cuda")),
    *(("POST", f"/v2/{kind}sharedmemory/region/x/register") for kind in ("system", "cuda")),
    ("POST", "/v2/systemsharedmemory/unregister"),
    *(("GET", f"/v2/{name}") for name in ("trace/setting", "logging")),
    *(("POST", f"/v2/{name}") for name in ("trace/setting", "logging")),
    *(
        ("POST", f"/v2/models/{model}/infer")
        for model in ("decode_images", "det_10g", "project_identity", "..%2frepository", "face_swap%2fconfig", "%00")
    ),
    ("GET", "/v2/models/align_faces"),
    ("GET", "/v2/models/face_swap/../../logging"),
    ("GET", f"{SWAP}/versions/1234567890/ready"),
]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_everything_else_is_closed_to_those_with_the_token_too(method: str, path: str, caller: httpx.Client) -> None:
    answer = caller.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"].startswith("NOT_FOUND: ")


@pytest.mark.parametrize("prefix", ["/v2/models/face_swap", "/v2/models/face_swap/versions/1"])
def test_metadata_and_readiness_of_the_ensembles_are_open(prefix: str, caller: httpx.Client) -> None:
    assert {tensor["name"] for tensor in caller.get(prefix).json()["inputs"]} >= {"SOURCE_IMAGE", "TARGET_IMAGE"}
    assert caller.get(f"{prefix}/ready").status_code == 200
    assert caller.get(f"{prefix}/infer").json()["error"].startswith("METHOD_NOT_ALLOWED: ")


def test_the_public_models_are_the_ensembles(checkout: Checkout) -> None:
    configs = checkout.model_repository.glob("*/config.pbtxt")
    assert {path.parent.name for path in configs if "ensemble_scheduling" in path.read_text()} == PUBLIC_MODELS


def test_metrics_are_tritons(caller: httpx.Client) -> None:
    assert 'nv_inference_count{model="decode_images"' in caller.get("/metrics").text


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ([], 401),
        ([f"Bearer {TOKEN}"], 200),
        ([f"bearer {TOKEN}"], 200),
        ([f"Bearer {TOKEN}x"], 401),
        ([f"Bearer {TOKEN[:-1]}"], 401),
        ([f"Bearer  {TOKEN}"], 401),
        (["Bearer"], 401),
        ([TOKEN], 401),
        ([f"Basic {TOKEN}"], 401),
        ([f"Digest {TOKEN}"], 401),
        ([f"Bearer {TOKEN}", f"Bearer {TOKEN}"], 401),
    ],
)
def test_the_token_is_needed_for_everything_but_health(header: list[str], status: int, front: FrontServer) -> None:
    headers = [("Authorization", value) for value in header]
    for path in (SWAP, f"{SWAP}/ready", "/metrics"):
        answer = httpx.get(f"{front.url}{path}", headers=headers, trust_env=False, timeout=60)
        assert answer.status_code == status
        if status == 401:
            assert answer.json()["error"].startswith("UNAUTHORIZED: ")
            assert answer.headers["www-authenticate"] == "Bearer"
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert httpx.get(f"{front.url}{path}", headers=headers, trust_env=False, timeout=60).status_code == 200


def test_without_the_token_closed_and_open_look_the_same(front: FrontServer) -> None:
    answers = [
        httpx.get(f"{front.url}{path}", trust_env=False, timeout=60) for path in (SWAP, "/v2/logging", "/no/such/thing")
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}


def test_a_refused_body_is_not_read(front: FrontServer) -> None:
    with connected(front) as connection:
        connection.sendall(
            b"POST /v2/models/face_swap/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n"
        )
        assert everything_from(connection).startswith(b"HTTP/1.1 401 ")


def test_the_client_swaps_through_the_front(front: FrontServer, server: TritonServer, portrait: Path) -> None:
    with Client(front.url, headers={"Authorization": f"Bearer {TOKEN}"}) as through, Client(server.http_url) as direct:
        assert through.swap(portrait, portrait).image == direct.swap(portrait, portrait).image
        assert len(through.faces(portrait).faces) == 1
        assert through.ready()


def test_a_request_without_binary_data_works_too(caller: httpx.Client) -> None:
    inputs = [
        {"name": "SOURCE_EMBEDDINGS", "datatype": "FP32", "shape": [1, 512], "data": [0.5] * 512},
        {"name": "TARGET_IMAGE", "datatype": "BYTES", "shape": [1], "data": ["not an image"]},
    ]
    answer = caller.post("/v2/models/face_swap_identity/infer", json={"inputs": inputs, "outputs": [{"name": "FACES"}]})
    assert answer.status_code == 415
    assert "NOT_AN_IMAGE: TARGET_IMAGE" in answer.json()["error"]


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (swap_call(b"text", b"text"), 415),
        (swap_call(b"", b"text"), 400),
        (swap_call(b"x", b"x", no_such_option=1), 400),
        (swap_call(b"x", b"x", sequence_id=1, sequence_end=True), 415),
        (swap_call(b"\0\0\0\x18ftypheic", b"x"), 415),
    ],
)
def test_no_path_or_traceback_in_answers(call: Call, status: int, caller: httpx.Client) -> None:
    answer = caller.post(f"{SWAP}/infer", headers=call.headers, content=call.body)
    assert answer.status_code == status
    text = f"{answer.headers} {answer.text}"
    assert not any(sign in text for sign in ("Traceback", ".py", "/usr", "/home", "site-packages", "line "))
    assert {"server", "nv-status", "endpoint-load-metrics"}.isdisjoint(answer.headers)


class Supervised(Unsupervised):
    """In the phase that a test says."""

    phase = Phase.RESTARTING

    def state(self) -> ServerState:
        return ServerState(self.phase)


def test_readiness_is_the_supervisors(upstream: Upstream) -> None:
    supervised = Supervised()
    with FrontServer(LOOPBACK, upstream, None, supervised=supervised) as running:
        assert httpx.get(f"{running.url}/v2/health/ready", trust_env=False, timeout=60).status_code == 503
        assert httpx.get(f"{running.url}/v2/health/live", trust_env=False, timeout=60).status_code == 200
        supervised.phase = Phase.HEALTHY
        assert httpx.get(f"{running.url}/v2/health/ready", trust_env=False, timeout=60).status_code == 200
