"""A server of its own under the supervisor, for tests that kill parts of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faceswap_server.supervision import Phase, RestartPolicy, SupervisionSettings
from faceswap_server.triton import ServerSettings, TritonServer
from support.supervised import Watched


@pytest.fixture(scope="module")
def repository(offline_repository: Path) -> Path:
    """The whole service with the offline pack."""
    return offline_repository


@pytest.fixture(scope="module")
def watched(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched[TritonServer]]:
    """The whole service under the supervisor, looked at every half second."""
    log = tmp_path_factory.mktemp("supervised") / "server.log"
    settings = SupervisionSettings(
        probe_interval_s=0.5,
        probe_timeout_s=3.0,
        failure_drain_s=1.0,
        restarts=RestartPolicy(limit=20, first_delay_s=0.1, factor=1.0),
    )
    watched = Watched(TritonServer(ServerSettings(repository, log=log)), settings)
    watched.supervisor.start()
    watched.wait_for(lambda state: state.phase is Phase.HEALTHY)
    yield watched
    watched.stop()
