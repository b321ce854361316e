"""The front's log stays as long as callers let it: no line of a library per malformed request."""

from __future__ import annotations

import logging

import pytest
from faceswap_server.http.middleware import ErrorMiddleware
from faceswap_server.http.server import server_config
from faceswap_server.http.settings import FrontSettings
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser


def test_a_malformed_form_is_not_logged_by_its_parser(caplog: pytest.LogCaptureFixture) -> None:
    async def nothing(*_: object) -> None:
        pass

    server_config(ErrorMiddleware(nothing, idle_seconds=1.0), FrontSettings())
    with caplog.at_level(logging.INFO), pytest.raises(MultipartParseError):
        MultipartParser(b"boundary").write(b"this is no form")
    assert caplog.records == []
