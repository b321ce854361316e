"""Every error code of the contract has its one status, whichever route answers with it."""

from __future__ import annotations

import json

import pytest
from faceswap_contract.errors import ERRORS, Origin, codes_of
from faceswap_server.http.error_answers import error_answer
from faceswap_server.http.http_error import error_response


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_of_the_http_server_or_a_job(code: str) -> None:
    response = error_response(code, f"{code}: text", "id", close=False)
    assert response.status_code == ERRORS[code].http_status
    assert ("retry-after" in response.headers) == (ERRORS[code].http_status == 503)


@pytest.mark.parametrize("code", codes_of(Origin.SERVICE))
def test_an_error_of_triton(code: str) -> None:
    status = ERRORS[code].triton_http_status
    assert status is not None
    answer = error_answer(status, json.dumps({"error": f"in ensemble 'face_swap', {code}: text"}).encode())
    assert (answer.status, answer.text) == (ERRORS[code].http_status, f"{code}: text")
    hidden = error_answer(status, json.dumps({"error": f"{code}: Traceback (most recent call last):"}).encode())
    assert hidden.status == ERRORS[code].http_status
    assert hidden.text.startswith(f"{code}: ")
    assert "Traceback" not in hidden.text


def test_a_code_that_is_not_in_the_contract_is_a_500() -> None:
    assert error_response("NO_SUCH_CODE", "NO_SUCH_CODE: text", "id", close=True).status_code == 500
