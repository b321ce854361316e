"""Error codes: one HTTP status each, the core's classes, and the page that lists them."""

from __future__ import annotations

import re

import pytest
from faceswap_client._errors import CLASS_BY_CODE
from faceswap_contract.errors import ERRORS, ErrorFact, Origin, codes_of, http_status
from faceswap_core.errors import FaceSwapError, InvalidOption, Status, all_errors
from support.paths import ROOT

PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text()
ROWS = {row[0]: row[1:] for row in re.findall(
    r"^\| `([A-Z0-9_]+)` \| (\d+) \| (.+?) \| (.+?) \|(?: (.+?) \|(?: (.+?) \|)?)?$", PAGE, re.MULTILINE
)}  # fmt: skip
# Triton's own mapping of a status (server/src/http_server.cc and grpc/grpc_utils.cc)
TRITON = {
    "INVALID_ARG": (400, "INVALID_ARGUMENT"),
    "CANCELLED": (400, "CANCELLED"),
    "UNSUPPORTED": (501, "UNIMPLEMENTED"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
    "INTERNAL": (500, "INTERNAL"),
}
SERVICE = codes_of(Origin.SERVICE)


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (401, "UNAUTHORIZED"),
        (403, "CONTENT_REFUSED"),
        (404, "NOT_FOUND"),
        (405, "METHOD_NOT_ALLOWED"),
        (408, "SLOW_REQUEST"),
        (413, "TOO_MANY_BYTES TOO_MANY_PIXELS BODY_TOO_LARGE"),
        (415, "NOT_AN_IMAGE UNSUPPORTED_FORMAT COMPRESSED_BODY UNSUPPORTED_MEDIA_TYPE"),
        (422, "NO_FACE_IN_SOURCE NO_FACE_IN_TARGET FACE_INDEX_OUT_OF_RANGE DOWNLOAD_FAILED OUTPUT_TOO_LARGE"),
        (499, "CANCELLED"),
        (503, "SERVER_BUSY SIGNING_FAILED SERVER_UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED TIMED_OUT"),
    ],
)
def test_statuses_that_servers_give(status: int, codes: str) -> None:
    found = {code for code, fact in ERRORS.items() if fact.http_status == status and fact.origins != (Origin.CLIENT,)}
    assert found - {"FACE_ERROR"} == set(codes.split())


def test_a_code_of_nobody_is_a_defect() -> None:
    assert http_status("NO_SUCH_CODE") == 500


def test_the_core_has_a_class_for_every_code_of_the_service() -> None:
    assert set(all_errors()) == set(SERVICE)


@pytest.mark.parametrize("code", SERVICE)
def test_what_triton_says_of_a_code(code: str) -> None:
    status = all_errors()[code].status
    assert (ERRORS[code].triton_http_status, ERRORS[code].grpc_status) == TRITON[status.value]


def test_a_class_has_its_codes_status() -> None:
    class Busy(FaceSwapError):
        code = "SERVER_BUSY"

    assert Busy("x").status is Status.UNAVAILABLE
    assert (str(InvalidOption("x=1")), InvalidOption.status) == ("INVALID_OPTION: x=1", Status.INVALID_ARG)


def test_the_page_has_every_code_and_no_other() -> None:
    assert set(ROWS) == set(ERRORS)


@pytest.mark.parametrize("fact", ERRORS.values(), ids=str)
def test_the_page_says_when_and_what_to_do(fact: ErrorFact) -> None:
    status, *cells = ROWS[fact.code]
    assert int(status) == fact.http_status
    assert fact.meaning in cells
    assert fact.remedy in cells
    assert len(fact.remedy) > 5
    if fact.grpc_status:
        assert cells[:2] == [str(fact.triton_http_status), fact.grpc_status]


@pytest.mark.parametrize("code", SERVICE)
def test_the_client_knows_every_code_of_the_service(code: str) -> None:
    assert code in CLASS_BY_CODE
