"""The real server under every adversarial input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from faceswap_server.triton import TritonServer
from faceswap_tools.adversarial.all_requests import all_adversarial_requests
from faceswap_tools.adversarial.images import FINE
from faceswap_tools.adversarial.requests import GRPC, HTTP
from faceswap_tools.adversarial.sending import Answer
from faceswap_tools.chaos.adversarial_inputs import Sent, every_adversarial_input, server_with_small_limits


def test_no_adversarial_input_passes_or_crashes_the_server(
    offline_repository: Path, server: TritonServer, tmp_path: Path
) -> None:
    assert server.is_running(), "the networks are installed"
    # `make chaos` sends all over both protocols; here each over one, and every fifth of those that can be read
    cases = [case for turn, case in enumerate(all_adversarial_requests()) if FINE not in case.outcomes or turn % 5 == 0]
    with server_with_small_limits(offline_repository, tmp_path / "server.log") as small:
        incident = every_adversarial_input(small, cases, alternating=True)
    assert incident.saw.total() == len(cases)
    assert [(row.value, row.name) for row in incident.all_rows() if row.ok is False] == []


def test_a_wrong_answer_is_noticed() -> None:
    case = next(case for case in all_adversarial_requests() if case.outcomes == ("UNSUPPORTED_FORMAT",))
    right = Sent(case, GRPC, Answer("UNSUPPORTED_FORMAT", "UNIMPLEMENTED", "text", "Lab is not supported"))
    assert not (right.wrong_code or right.wrong_status or right.leaks or right.says_too_little)
    assert replace(right, answer=replace(right.answer, outcome=FINE, status="OK")).wrong_code
    assert replace(right, answer=replace(right.answer, status="INVALID_ARGUMENT")).wrong_status
    assert replace(right, protocol=HTTP).wrong_status
    assert replace(right, answer=replace(right.answer, text="at /opt/tritonserver/x")).leaks
    assert replace(right, answer=replace(right.answer, message="sorry")).says_too_little
