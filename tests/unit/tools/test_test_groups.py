"""That `make test` keeps together what shares a server: two processes, one server of the session."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="groups exist only in `make test` (pytest -n 2)")
def test_the_distributor_knows_the_groups(request: pytest.FixtureRequest) -> None:
    ungrouped = [item.nodeid for item in request.session.items if "@" not in item.nodeid.rpartition("]")[2]]
    assert not ungrouped
