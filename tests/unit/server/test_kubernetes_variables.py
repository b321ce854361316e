"""Beside a Kubernetes Service called faceswap the programs start with their own defaults."""

from __future__ import annotations

import os

import pytest
from faceswap_contract.environment import check_environment
from faceswap_server.runpod.settings import settings_from_environment

INJECTED = {
    "FACESWAP_SERVICE_HOST": "10.0.0.1",
    "FACESWAP_SERVICE_PORT": "80",
    "FACESWAP_PORT": "tcp://10.0.0.1:80",
    "FACESWAP_PORT_80_TCP": "tcp://10.0.0.1:80",
    "FACESWAP_PORT_80_TCP_PROTO": "tcp",
    "FACESWAP_PORT_80_TCP_PORT": "80",
    "FACESWAP_PORT_80_TCP_ADDR": "10.0.0.1",
}


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:80", "81"])
def test_injected_variables_change_no_setting(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    before = settings_from_environment()
    for name, value in (INJECTED | {"FACESWAP_PORT": address}).items():
        monkeypatch.setenv(name, value)
    check_environment(os.environ, lambda line: None)
    assert settings_from_environment() == before
