"""The real server under every hostile input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from faceswap_tools.chaos.hostility import Sent, every_hostile_input, server_with_small_limits
from faceswap_tools.checkout import Checkout
from faceswap_tools.hostile.all_requests import all_hostile_requests
from faceswap_tools.hostile.pictures import FINE
from faceswap_tools.hostile.requests import GRPC, HTTP
from faceswap_tools.hostile.sending import Answer
from faceswap_tools.local_server import LocalServer


def test_nothing_hostile_gets_past_or_brings_it_down(checkout: Checkout, server: LocalServer, tmp_path: Path) -> None:
    assert server.is_running(), "the networks are installed"
    # `make chaos` sends all over both protocols; here each over one, and every fifth of those that can be read
    cases = [case for turn, case in enumerate(all_hostile_requests()) if FINE not in case.outcomes or turn % 5 == 0]
    with server_with_small_limits(checkout.model_repository, tmp_path / "server.log") as small:
        incident = every_hostile_input(small, cases, alternating=True)
    assert incident.saw.total() == len(cases)
    assert [(row.value, row.name) for row in incident.all_rows() if row.ok is False] == []


def test_a_wrong_answer_is_noticed() -> None:
    case = next(case for case in all_hostile_requests() if case.outcomes == ("UNSUPPORTED_FORMAT",))
    right = Sent(case, GRPC, Answer("UNSUPPORTED_FORMAT", "UNIMPLEMENTED", "text", "Lab is not supported"))
    assert not (right.wrong_code or right.wrong_status or right.leaks or right.says_too_little)
    assert replace(right, answer=replace(right.answer, outcome=FINE, status="OK")).wrong_code
    assert replace(right, answer=replace(right.answer, status="INVALID_ARGUMENT")).wrong_status
    assert replace(right, protocol=HTTP).wrong_status
    assert replace(right, answer=replace(right.answer, text="at /opt/tritonserver/x")).leaks
    assert replace(right, answer=replace(right.answer, message="sorry")).says_too_little
