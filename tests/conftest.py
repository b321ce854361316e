"""Fixtures shared by all tests: the session's server, the checkout and the photographs; and xdist's groups.

`make test` runs two processes (pytest-xdist), because most tests wait for a server. Tests that share the session's
server or the large random-weight networks stay in one process, so that each exists once; the others go file by file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faceswap_models.checkout import Checkout
from faceswap_models.packs import lay_out_offline_pack
from faceswap_server.triton import NativeTriton, ServerSettings, TritonLocator, TritonServer
from faceswap_server.triton.bundled import find_bundled_triton
from faceswap_tools.photographs import astronaut, six_people
from support.native_triton import lay_out_native_home

SHARED_SERVERS = {"server", "strict"}
ON_RANDOM_WEIGHTS = {"models", "parity"}
TESTS = Path(__file__).parent
UNIT = TESTS / "unit"


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Assigns each test to an xdist group, and keeps servers out of the unit tests."""
    for item in items:
        if SHARED_SERVERS.intersection(getattr(item, "fixturenames", ())):
            if item.path.is_relative_to(UNIT):
                raise pytest.UsageError(f"{item.nodeid} starts a server: it belongs in tests/integration")
            group = "the session's server"
        elif item.path.parent.name in ON_RANDOM_WEIGHTS:
            group = "random weights"
        else:
            group = str(item.path.relative_to(TESTS))
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def checkout() -> Checkout:
    return Checkout.find()


@pytest.fixture(scope="session")
def offline_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository with the offline pack and no gate, whatever is chosen in the checkout."""
    return lay_out_offline_pack(tmp_path_factory.mktemp("served") / "model_repository")


@pytest.fixture(scope="session")
def server(offline_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """tritonserver with the offline pack, started once for all tests."""
    log = tmp_path_factory.mktemp("server") / "server.log"
    with TritonServer(ServerSettings(offline_repository, log=log)) as running:
        yield running


@pytest.fixture(scope="session")
def native_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory laid out like /opt/tritonserver, with pip's binary in it."""
    return lay_out_native_home(tmp_path_factory.mktemp("native") / "tritonserver")


@pytest.fixture(scope="module", params=["bundled", "native"])
def triton(request: pytest.FixtureRequest, native_home: Path) -> TritonLocator:
    """The tritonserver to run: what holds for one holds for both."""
    return NativeTriton(native_home) if request.param == "native" else find_bundled_triton()


@pytest.fixture(scope="session")
def portrait() -> Path:
    """One person (astronaut, 512x512)."""
    return astronaut()


@pytest.fixture(scope="session")
def group() -> Path:
    """Six people (t1.jpg, 1280x886)."""
    return six_people()
