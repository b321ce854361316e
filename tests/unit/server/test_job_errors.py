"""Which code a job ends in, for any exception, and whose fault it is."""

from __future__ import annotations

import pytest
from faceswap_client import ConnectionFailed, DeadlineExceeded, ImageError, RequestError, ServerError
from faceswap_contract.errors import ERRORS, Origin, codes_of
from faceswap_server.jobs.job_errors import JobError, is_servers_fault, to_job_error


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (JobError("BAD_INPUT", "x"), "BAD_INPUT", "x"),
        (
            ImageError("TARGET_IMAGE is cut short", code="TRUNCATED_IMAGE"),
            "TRUNCATED_IMAGE",
            "TARGET_IMAGE is cut short",
        ),
        (
            ConnectionFailed("127.0.0.1:4711 refused"),
            "SERVER_UNAVAILABLE",
            "the server behind the worker did not answer",
        ),
        (DeadlineExceeded("no answer"), "DEADLINE_EXCEEDED", "the server behind the worker took too long"),
        (RequestError("swap_affines", code="INVALID_TENSOR"), "INTERNAL", "the worker failed; its log has the details"),
        (KeyError("/root/secret"), "INTERNAL", "the worker failed; its log has the details"),
    ],
)
def test_codes_and_messages(error: Exception, code: str, message: str) -> None:
    found = to_job_error(error)
    assert (found.code, found.message) == (code, message)
    assert found.code in {*codes_of(Origin.SERVICE), *codes_of(Origin.WORKER)}


def test_the_servers_health_is_checked_after_its_own_faults_only() -> None:
    faults = {code for code in ERRORS if is_servers_fault(code)}
    sent_by_jobs = {*codes_of(Origin.SERVICE), *codes_of(Origin.WORKER)}
    assert faults & sent_by_jobs == {"INTERNAL", "SERVER_UNAVAILABLE", "DEADLINE_EXCEEDED", "BAD_ANSWER"}
    assert is_servers_fault("NO_SUCH_CODE")
    assert is_servers_fault(ServerError("x").code)
