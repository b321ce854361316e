"""Accounting on the real server: whatever a caller asks for, every lease ends, and every answer has its audit line."""

from __future__ import annotations

import json
import random
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from faceswap_client import Client
from faceswap_core.buffers.server_name import buffer_folder
from faceswap_server.triton import ServerSettings, TritonServer
from tritonclient.utils import InferenceServerException

MOST = 8
OUTPUTS = {
    "face_swap": ("SWAPPED_IMAGE", "FACES", "EMBEDDINGS"),
    "face_swap_identity": ("SWAPPED_IMAGE", "SWAPPED_FRAME", "FACES"),
    "face_analysis": ("FACES", "EMBEDDINGS"),
}
REQUEST_S = 30
GIVE_BACK_S = REQUEST_S + 15.0
"""Longer than it takes to find a lease that nobody will release: 5 s of quiet, which a machine that other programs keep
busy may never have, or the longest time of a request."""
MIXES, MIX_SIZE, CALLERS = 4, 100, 12

Tensors = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Accounted:
    """A server with few places and an audit log."""

    server: TritonServer
    audit: Path

    def leases(self) -> int:
        """Files that belong to a request."""
        held = (".target", ".sources")
        return sum(path.suffix in held for path in buffer_folder(self.server.pid).iterdir())

    def codes(self) -> dict[str, list[str]]:
        """Codes of all audit lines, by request id."""
        found = defaultdict(list)
        for line in map(json.loads, self.audit.read_text().splitlines()):
            found[line["request_id"]].append(line["code"])
        return found

    def metric(self, name: str) -> float:
        lines = httpx.get(self.server.metrics_url, trust_env=False, timeout=60).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.fixture(scope="module")
def accounted(offline_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounted]:
    folder = tmp_path_factory.mktemp("accounted")
    (folder / "salt").write_bytes(secrets.token_bytes(32))
    environment = {
        "FACESWAP_AUDIT": str(folder / "audit.jsonl"),
        "FACESWAP_AUDIT_SALT": str(folder / "salt"),
        "FACESWAP_MAX_IN_FLIGHT": str(MOST),
        "FACESWAP_REQUEST_SECONDS": str(REQUEST_S),
    }
    settings = ServerSettings(offline_repository, log=folder / "server.log", environment=environment)
    with TritonServer(settings) as server:
        yield Accounted(server, folder / "audit.jsonl")


@pytest.fixture(scope="module")
def embedding(accounted: Accounted, portrait: Path) -> np.ndarray[Any, Any]:
    with Client(accounted.server.grpc_address) as client:
        return np.asarray(client.faces(portrait).faces[0].embedding, np.float32).reshape(1, 512)


@dataclass(frozen=True, slots=True)
class Request:
    """One request of tritonclient's, by either protocol.

    Attributes:
        outputs: those asked for; none asks for all.
        timeout_us: Triton's request parameter.
        patience_s: when the caller hangs up; HTTP only.
    """

    protocol: str
    model: str
    tensors: Tensors
    outputs: Sequence[str] = ()
    timeout_us: int | None = None
    patience_s: float | None = None
    id: str = ""

    def send(self, server: TritonServer) -> str:
        """`OK`, the error code of ours, `TRITON` for an error of Triton's own, or `NONE` without an answer."""
        try:
            answer = self._infer(server)
            assert all(answer.as_numpy(name) is not None for name in self.outputs)
        except InferenceServerException as error:
            code = re.search(r"\b([A-Z]+_[A-Z_]+): ", str(error.message()))
            return code[1] if code else "TRITON"
        except OSError:
            return "NONE"
        return "OK"

    def _infer(self, server: TritonServer) -> Any:
        module: Any = triton_grpc if self.protocol == "grpc" else triton_http
        inputs = []
        for name, array in self.tensors.items():
            kind = {"O": "BYTES", "f": "FP32", "u": "UINT8"}[array.dtype.kind]
            inputs.append(module.InferInput(name, list(array.shape), kind))
            inputs[-1].set_data_from_numpy(array)
        outputs = [module.InferRequestedOutput(name) for name in self.outputs] or None
        options = {"outputs": outputs, "timeout": self.timeout_us, "request_id": self.id}
        if self.protocol == "grpc":
            with triton_grpc.InferenceServerClient(server.grpc_address) as client:
                return client.infer(self.model, inputs, **options)
        address, patience = server.http_url.removeprefix("http://"), self.patience_s or 60.0
        with triton_http.InferenceServerClient(address, network_timeout=patience) as client:
            return client.infer(self.model, inputs, **options)


def encoded(*images: bytes) -> np.ndarray[Any, Any]:
    return np.array(images, dtype=np.object_)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Every choice of outputs but the empty one, which asks for all."""
    return chain.from_iterable(combinations(names, count) for count in range(1, len(names) + 1))


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("model", OUTPUTS)
def test_a_request_for_some_outputs_ends_its_lease_and_has_its_audit_line(
    model: str, protocol: str, accounted: Accounted, portrait: Path, embedding: np.ndarray[Any, Any]
) -> None:
    image = portrait.read_bytes()
    tensors = {
        "face_swap": {"SOURCE_IMAGE": encoded(image), "TARGET_IMAGE": encoded(image)},
        "face_swap_identity": {"SOURCE_EMBEDDINGS": embedding, "TARGET_IMAGE": encoded(image)},
        "face_analysis": {"IMAGE": encoded(image)},
    }[model]
    for outputs in subsets(OUTPUTS[model]):
        request = Request(protocol, model, tensors, outputs, id=secrets.token_hex(8))
        assert request.send(accounted.server) == "OK", outputs
        assert accounted.leases() == 0, outputs
        assert accounted.codes()[request.id] == ["OK"], outputs


def random_request(chance: random.Random, images: Mapping[str, bytes], embedding: np.ndarray[Any, Any]) -> Request:
    """Any model and outputs; one in three cannot be served, one in six is not waited for."""

    def image() -> np.ndarray[Any, Any]:
        return encoded(images[chance.choices(list(images), [6, 2, 1])[0]])

    model = chance.choice(list(OUTPUTS))
    tensors: dict[str, Any] = {"IMAGE": image()} if model == "face_analysis" else {"TARGET_IMAGE": image()}
    if model == "face_swap":
        tensors["SOURCE_IMAGE"] = encoded(images[chance.choice(["face", "face", "face", "no face"])])
    if model == "face_swap_identity":
        tensors["SOURCE_EMBEDDINGS"] = embedding * chance.choice([1, 1, 1, np.nan])
        if chance.random() < 0.3:
            del tensors["TARGET_IMAGE"]
            tensors["TARGET_FRAME"] = np.full((96, 128, 3), 90, np.uint8)
    some = chance.choice([(), *subsets(OUTPUTS[model])])
    timeout_us = chance.choice([None, None, None, chance.randrange(1, 300_000)])
    protocol = chance.choice(["grpc", "http"])
    # over HTTP alone: a call that is cancelled over gRPC can end Triton 24.10 (docs/deploy/security.md)
    patience_s = chance.choice([None, None, chance.uniform(0.005, 0.3)]) if protocol == "http" else None
    return Request(protocol, model, tensors, some, timeout_us, patience_s, f"{chance.getrandbits(64):x}")


@pytest.mark.parametrize("seed", range(MIXES))
def test_random_mixes_leave_nothing_held_and_every_answer_one_audit_line(
    seed: int, accounted: Accounted, portrait: Path, embedding: np.ndarray[Any, Any]
) -> None:
    grey = cv2.imencode(".png", np.full((200, 300, 3), 120, np.uint8))[1].tobytes()
    images = {"face": portrait.read_bytes(), "no face": grey, "none": b"not an image"}
    chance = random.Random(seed)
    requests = [random_request(chance, images, embedding) for _ in range(MIX_SIZE)]
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda request: request.send(accounted.server), requests))
    assert {"OK", "NOT_AN_IMAGE"} <= set(answers), "the mix is no mix"
    assert until(lambda: accounted.leases() == 0, GIVE_BACK_S), f"{accounted.leases()} leases stay"
    for gauge in ('faceswap_requests{kind="used"', 'faceswap_memory_bytes{kind="frames"', "nv_inference_pending"):
        assert until(lambda name=gauge: accounted.metric(name) == 0, GIVE_BACK_S), gauge  # type: ignore[misc]
    codes = accounted.codes()
    for request, answer in zip(requests, answers, strict=True):
        lines, about = codes.get(request.id, []), (request.protocol, request.model, request.outputs, answer)
        if answer == "NONE":  # it may have come as far as an answer that nobody read
            assert len(lines) <= 1, (about, lines)
        elif answer == "TRITON":  # refused in a queue, before the first step
            assert lines == [], (about, lines)
        else:
            assert lines == [answer], about
    assert accounted.server.is_running()
