"""One HTTP status for each error code, on the KServe routes and on the plain API, with a real tritonserver behind."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from faceswap_client import Client, FaceSwapError
from faceswap_client._errors import CLASS_BY_CODE
from faceswap_contract.errors import ERRORS, Origin, codes_of, http_status
from faceswap_server.http import AccessToken, FrontServer, FrontSettings, Upstream
from faceswap_server.triton import ServerSettings, TritonServer
from faceswap_tools.fakes.stub_repository import lay_out_stub_repository
from integration.http.conftest import LOOPBACK, TOKEN, swap_call

INFER = "/v2/models/face_swap/infer"
SERVICE = [code for code in codes_of(Origin.SERVICE) if code != "INVALID_TENSOR"]  # a job has no tensors to be wrong
STATUS = {code: ERRORS[code].triton_status for code in SERVICE}
FAIL = f"""        code = pb_utils.get_input_tensor_by_name(requests[0], "TARGET_IMAGE").as_numpy()[0].decode()
        status = getattr(pb_utils.TritonError, {STATUS!r}[code])
        error = pb_utils.TritonError(f"{{code}}: TARGET_IMAGE: as asked", status)
        return [pb_utils.InferenceResponse(error=error) for _ in requests]
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """A tritonserver whose swaps end in the error that the target's bytes name, as the steps send it."""
    repository = lay_out_stub_repository(tmp_path_factory.mktemp("failing") / "stub", seconds=0.0)
    model = repository / "face_swap" / "1" / "model.py"
    execute = "    def execute(self, requests):\n"
    model.write_text(model.read_text().replace(execute, execute + FAIL))
    with TritonServer(ServerSettings(repository, log=repository.with_suffix(".log"))) as server:
        yield Upstream(lambda: server.http_url, lambda: server.metrics_url, lambda: server.grpc_address)


@pytest.fixture(scope="module")
def door(failing: Upstream) -> Iterator[FrontServer]:
    with FrontServer(LOOPBACK, failing, AccessToken(TOKEN), FrontSettings(max_body_bytes=10_000)) as running:
        yield running


@pytest.fixture
def caller(door: FrontServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=door.url, headers=headers, trust_env=False, timeout=60) as client:
        yield client


@pytest.mark.parametrize("code", SERVICE)
def test_an_error_of_the_service_has_one_status(code: str, caller: httpx.Client, failing: Upstream) -> None:
    call = swap_call(b"x", code.encode())
    direct = httpx.post(f"{failing.http_url()}{INFER}", headers=call.headers, content=call.body, trust_env=False)
    assert direct.status_code == ERRORS[code].triton_http_status
    proxied = caller.post(INFER, headers=call.headers, content=call.body)
    plain = caller.post("/swap", files={"source": b"x", "target": code.encode()})
    for answer in (proxied, plain):
        assert f"{code}: " in answer.json()["error"]
        assert answer.status_code == http_status(code)
        assert ("retry-after" in answer.headers) == (http_status(code) == 503)


@pytest.mark.parametrize("code", SERVICE)
def test_the_client_makes_the_same_error_of_both_statuses(code: str, door: FrontServer, failing: Upstream) -> None:
    for address, token in ((door.url, TOKEN), (failing.http_url(), None)):
        with (
            Client(address, token=token, retries=0, remember_sources=0) as client,
            pytest.raises(FaceSwapError) as caught,
        ):
            client.swap(b"x", code.encode())
        assert caught.value.code == code
        assert type(caught.value) is CLASS_BY_CODE[code]


PLAIN = {"Content-Type": "application/json"}


@pytest.mark.parametrize("path", [INFER, "/swap", "/faces"])
@pytest.mark.parametrize(
    ("code", "method", "headers", "body"),
    [
        ("UNAUTHORIZED", "POST", {"Authorization": "Bearer x"}, b"{}"),
        ("METHOD_NOT_ALLOWED", "GET", {}, b""),
        ("BODY_TOO_LARGE", "POST", {}, bytes(10_001)),
        ("COMPRESSED_BODY", "POST", {"Content-Encoding": "gzip"}, b"{}"),
    ],
)
def test_the_servers_own_errors_are_the_same_on_every_route(
    path: str, code: str, method: str, headers: dict[str, str], body: bytes, caller: httpx.Client
) -> None:
    answer = caller.request(method, path, headers=PLAIN | headers, content=body)
    assert answer.json()["error"].startswith(f"{code}: ")
    assert set(answer.json()) == {"error"}
    assert answer.status_code == http_status(code)
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("code", "path", "body"),
    [
        ("BAD_REQUEST", INFER, {}),
        ("BAD_INPUT", "/swap", {}),
        ("BAD_BASE64", "/faces", {"image": "%"}),
        ("DOWNLOAD_REFUSED", "/faces", {"image": "http://example.com/"}),
        ("NOT_FOUND", "/swaps", {}),
        ("NOT_FOUND", "/v2/models/det_10g/infer", {}),
    ],
)
def test_errors_of_one_set_of_routes(code: str, path: str, body: object, caller: httpx.Client) -> None:
    answer = caller.post(path, content=json.dumps(body), headers=PLAIN)
    assert answer.json()["error"].startswith(f"{code}: ")
    assert answer.status_code == http_status(code)
