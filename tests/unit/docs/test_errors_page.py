"""docs/errors.md has every code of the server, with its statuses, and the client knows each."""

from __future__ import annotations

import re

import pytest
from faceswap_client._errors import CLASS_BY_CODE
from faceswap_core.errors import FaceSwapError, all_errors
from support.paths import ROOT

PAGE = (ROOT / "docs" / "errors.md").read_text()
ROWS = {row[0].strip("` "): [cell.strip() for cell in row[1:]] for row in re.findall(
    r"^\| (`[A-Z_]+`) \| (\d+) \| (\w+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE
)}  # fmt: skip
# Triton's own mapping of a status (server/src/http_server.cc and grpc/grpc_utils.cc)
STATUSES = {
    "INVALID_ARG": ("400", "INVALID_ARGUMENT"),
    "CANCELLED": ("400", "CANCELLED"),
    "UNSUPPORTED": ("501", "UNIMPLEMENTED"),
    "UNAVAILABLE": ("503", "UNAVAILABLE"),
    "INTERNAL": ("500", "INTERNAL"),
}


def test_the_page_has_every_code_and_no_other() -> None:
    assert set(ROWS) == set(all_errors())


@pytest.mark.parametrize(("code", "error"), all_errors().items(), ids=str)
def test_status_and_advice(code: str, error: type[FaceSwapError]) -> None:
    http, grpc, when, advice = ROWS[code]
    assert (http, grpc) == STATUSES[error.status.value]
    assert when == (error.__doc__ or "").split("\n")[0]
    assert len(advice) > 10
    assert code in CLASS_BY_CODE
