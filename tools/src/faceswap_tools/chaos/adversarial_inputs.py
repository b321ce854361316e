"""Every adversarial input, sent to a real server over gRPC and HTTP, several at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faceswap_client import Client, FaceSwapError
from faceswap_core.errors import Status, all_errors
from faceswap_server.supervision.swap_probe import probe_image
from faceswap_server.triton import ServerSettings, TritonServer

from faceswap_tools.adversarial.images import FINE, LIMIT_BYTES, LIMIT_PIXELS, LIMIT_SIDE
from faceswap_tools.adversarial.messages import leaks, says_value_and_limit
from faceswap_tools.adversarial.requests import (
    HTTP,
    NOT_PARSED_BY_TRITON,
    REFUSED_BY_TRITON,
    AdversarialRequest,
)
from faceswap_tools.adversarial.sending import LOST, Answer, Senders
from faceswap_tools.benchmarks.table import Row, at_least
from faceswap_tools.benchmarks.targets import at_most
from faceswap_tools.chaos.incident import Incident
from faceswap_tools.chaos.peak_memory import peak_memory
from faceswap_tools.soak.readings import read_server

MEMORY_LIMIT_MB = 1000
FEWEST = 200
IN_FLIGHT = 6
BUSY = "SERVER_BUSY"
PATIENCE_S = 10.0

# Triton's own mapping (server/src/grpc/grpc_utils.cc and http_server.cc)
_STATUSES = {
    Status.INVALID_ARG: ("INVALID_ARGUMENT", "400"),
    Status.UNSUPPORTED: ("UNIMPLEMENTED", "501"),
    Status.UNAVAILABLE: ("UNAVAILABLE", "503"),
    Status.CANCELLED: ("CANCELLED", "400"),
    Status.INTERNAL: ("INTERNAL", "500"),
}
_BESIDE_OUR_CODES = {
    FINE: ("OK", "200"),
    REFUSED_BY_TRITON: _STATUSES[Status.INVALID_ARG],
    NOT_PARSED_BY_TRITON: _STATUSES[Status.INTERNAL],
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One adversarial request over one protocol, and what came of it."""

    case: AdversarialRequest
    protocol: str
    answer: Answer

    def __str__(self) -> str:
        text = self.answer.message or self.answer.text
        return f"{self.protocol}, {self.case.name}: {self.answer.status} {self.answer.outcome} {text[:200]}"

    @property
    def wrong_code(self) -> bool:
        """None of the outcomes allowed."""
        return self.answer.outcome not in self.case.allowed(self.protocol)

    @property
    def wrong_status(self) -> bool:
        """Another status than the code is sent with."""
        statuses = _BESIDE_OUR_CODES.get(self.answer.outcome)
        if statuses is None:
            error = all_errors().get(self.answer.outcome)
            statuses = _STATUSES[error.status] if error is not None else ("", "")
        return self.answer.status != statuses[self.protocol == HTTP]

    @property
    def leaks(self) -> bool:
        """The text holds a path or a traceback that the caller did not send."""
        own = [str(part) for option in self.case.request.parameters.items() for part in option]
        own += [part for tensor in self.case.request.inputs for part in (tensor.name, tensor.datatype)]
        return leaks(self.answer.text, tuple(own))

    @property
    def says_too_little(self) -> bool:
        """The message lacks the value or the limit."""
        return not says_value_and_limit(self.answer.outcome, self.answer.message)


@contextmanager
def server_with_small_limits(repository: Path, log: Path) -> Iterator[TritonServer]:
    """A server with the limits that the adversarial images are made for."""
    environment = {
        "FACESWAP_MAX_IMAGE_BYTES": str(LIMIT_BYTES),
        "FACESWAP_MAX_IMAGE_PIXELS": str(LIMIT_PIXELS),
        "FACESWAP_MAX_IMAGE_SIDE": str(LIMIT_SIDE),
        "FACESWAP_MEMORY_LIMIT_MB": str(MEMORY_LIMIT_MB),
    }
    with TritonServer(ServerSettings(repository, log=log, environment=environment)) as server:
        yield server


def every_adversarial_input(
    server: TritonServer, cases: Sequence[AdversarialRequest], *, alternating: bool = False
) -> Incident:
    """Each over each protocol that can express it.

    Args:
        server: of `server_with_small_limits`.
        cases: of `all_adversarial_requests`.
        alternating: each over one protocol, alternately: half the time, for a test.
    """
    done = "every adversarial input"
    with peak_memory(server, times_a_second=20.0) as peak:
        sent = send_all(server, _pairs(cases, alternating))
    still = _at_rest(server)
    return Incident(
        done,
        Counter(each.answer.outcome for each in sent),
        sum(each.answer.outcome == LOST for each in sent),
        rows=(
            at_least(f"{done}: inputs", len({each.case.name for each in sent}), 0.0, "inputs", FEWEST),
            Row(f"{done}: requests", len(sent), 0.0, "requests"),
            _none(done, "wrong code", [each for each in sent if each.wrong_code]),
            _none(done, "wrong status", [each for each in sent if each.wrong_status]),
            _none(done, "path or traceback in the answer", [each for each in sent if each.leaks]),
            _none(done, "no value or limit in the answer", [each for each in sent if each.says_too_little]),
            at_most(f"{done}: peak of memory", peak[0], 0.0, "MB", MEMORY_LIMIT_MB * 2**20 / 1e6),
            at_most(f"{done}: still in flight at rest", still, 0.0, "requests", 0),
            at_most(f"{done}: swaps that fail afterwards", _failing_swaps(server), 0.0, "swaps", 0),
        ),
    )


def send_all(server: TritonServer, pairs: Sequence[tuple[AdversarialRequest, str]]) -> list[Sent]:
    """Sends them, `IN_FLIGHT` at once; requests refused for lack of room are sent again."""
    with Senders(server.grpc_address, server.http_url) as senders, ThreadPoolExecutor(IN_FLIGHT) as pool:
        answers = pool.map(lambda pair: _sent(senders, *pair), pairs)
        return [Sent(case, protocol, answer) for (case, protocol), answer in zip(pairs, answers, strict=True)]


def _pairs(cases: Sequence[AdversarialRequest], alternating: bool) -> list[tuple[AdversarialRequest, str]]:
    if not alternating:
        return [(case, protocol) for case in cases for protocol in case.protocols]
    return [(case, case.protocols[turn % len(case.protocols)]) for turn, case in enumerate(cases)]


def _sent(senders: Senders, case: AdversarialRequest, protocol: str) -> Answer:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = senders.send(case, protocol)
        if answer.outcome != BUSY or time.monotonic() > deadline:
            return answer
        threading.Event().wait(0.1)


def _none(done: str, words: str, found: Sequence[Sent]) -> Row:
    """A row that must be 0 and names the first few offenders."""
    names = "".join(f"\n  {each}" for each in found[:20])
    return at_most(f"{done}: {words}{names}", len(found), 0.0, "requests", 0)


def _at_rest(server: TritonServer) -> float:
    """Requests in flight on an idle server; the last may take a moment to be released."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        in_flight = read_server(server.pid, server.region_prefix).in_flight
        if not in_flight or time.monotonic() > deadline:
            return in_flight
        time.sleep(0.1)


def _failing_swaps(server: TritonServer) -> int:
    """Of one swap over each protocol."""
    failing, image = 0, probe_image()
    for address in (server.grpc_address, server.http_url):
        with Client(address, timeout=PATIENCE_S, remember_sources=0) as client:
            try:
                failing += not any(face.swapped for face in client.swap(image, image).faces)
            except FaceSwapError:
                failing += 1
    return failing
