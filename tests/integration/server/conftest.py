"""A second server for the tests of this folder: everything that is off by default is on."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from faceswap_core.provenance.c2pa.development_chain import DevelopmentChain, new_development_chain
from faceswap_models.content_gate import install_gate
from faceswap_models.packs import lay_out_offline_pack
from faceswap_server.triton import ServerSettings, TritonServer
from support import signing_service
from support.gate_networks import MOODY, build_moody_classifier


@dataclass(frozen=True, slots=True)
class StrictServer:
    """Signs through a key service, labels bottom left, has a content gate and keeps audit lines."""

    server: TritonServer
    chain: DevelopmentChain
    salt: bytes
    audit: Path
    away: Path  # while this file exists, the key service is away

    @property
    def address(self) -> str:
        return self.server.grpc_address

    def refusals(self) -> dict[str, float]:
        """The metric, by verdict."""
        lines = httpx.get(self.server.metrics_url, trust_env=False, timeout=60).text.splitlines()
        counted = [line for line in lines if line.startswith("faceswap_content_refused_total{")]
        return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in counted}


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrictServer]:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
    folder = tmp_path_factory.mktemp("strict")
    repository = lay_out_offline_pack(folder / "repository")
    install_gate(repository, build_moody_classifier(), MOODY, "moody")
    # a step finds modules that are installed, and those beside its model.py
    shutil.copy(signing_service.__file__, repository / "paste_faces" / "1")
    chain, salt = new_development_chain(), secrets.token_bytes(32)
    files = {"chain.pem": chain.chain_pem, "key.pem": chain.key_pem, "salt": salt}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    environment = {
        "FACESWAP_SIGN_CHAIN": str(folder / "chain.pem"),
        "FACESWAP_SIGN_CALLBACK": "signing_service:sign",
        signing_service.KEY: str(folder / "key.pem"),
        signing_service.AWAY: str(folder / "away"),
        "FACESWAP_LABEL": "bottom-left",
        "FACESWAP_CONTENT_GATE": "required",
        "FACESWAP_AUDIT": str(folder / "audit.jsonl"),
        "FACESWAP_AUDIT_SALT": str(folder / "salt"),
        "FACESWAP_AUDIT_TAG": "tests",
    }
    settings = ServerSettings(repository, log=folder / "server.log", environment=environment)
    with TritonServer(settings) as server:
        yield StrictServer(server, chain, salt, folder / "audit.jsonl", folder / "away")
