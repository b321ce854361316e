"""Fixtures for every test: the one real server of the session, and the photographs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faceswap_tools.checkout import Checkout
from faceswap_tools.local_server import LocalServer, ServerSettings
from faceswap_tools.packs import installed_pack, prepare_and_install_offline_pack
from faceswap_tools.photographs import astronaut, six_people


@pytest.fixture(scope="session")
def checkout() -> Checkout:
    return Checkout.find()


@pytest.fixture(scope="session")
def server(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """tritonserver with the offline pack, started once for all tests."""
    if installed_pack(checkout.model_repository) is None:
        prepare_and_install_offline_pack()
    log = tmp_path_factory.mktemp("server") / "server.log"
    with LocalServer(ServerSettings(checkout.model_repository, log=log)) as running:
        yield running


@pytest.fixture(scope="session")
def portrait() -> Path:
    """One person (astronaut, 512x512)."""
    return astronaut()


@pytest.fixture(scope="session")
def group() -> Path:
    """Six people (t1.jpg, 1280x886)."""
    return six_people()
