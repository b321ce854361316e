"""The fake server for the client's tests, and an environment without settings and proxies of this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.fake_server import FakeServer, running_fake_server


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """Speaks gRPC and HTTP on loopback; `fake.answer` decides what comes back, `fake.seen` holds the requests."""
    with running_fake_server() as server:
        yield server


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests must not reach them; a proxy that leads nowhere must not be asked."""
    for name in ("FACESWAP_SERVER", "FACESWAP_DEBUG", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "grpc_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
