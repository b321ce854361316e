"""A server whose keys or gate are configured and broken does not start, and says why in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faceswap_core.provenance.c2pa.development_chain import new_development_chain
from faceswap_models.checkout import Checkout
from faceswap_models.content_gate import install_gate
from faceswap_models.content_gate.networks import STAND_IN, build_stand_in
from faceswap_server.triton import ServerSettings, ServerStartError, TritonServer


def one_step(checkout: Checkout, step: str, folder: Path) -> Path:
    """A repository with one step in it: no network has to load before it is asked."""
    shutil.copytree(checkout.model_repository / step, folder / step, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def start(repository: Path, log: Path, **environment: str) -> None:
    with TritonServer(ServerSettings(repository, log=log, environment=environment)):
        pass


@pytest.mark.parametrize("fits", [True, False])
def test_a_key_has_to_fit_its_certificate(fits: bool, checkout: Checkout, tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
    chain, other = new_development_chain(), new_development_chain()
    (tmp_path / "chain.pem").write_bytes(chain.chain_pem)
    (tmp_path / "key.pem").write_bytes((chain if fits else other).key_pem)
    keys = {"FACESWAP_SIGN_CHAIN": str(tmp_path / "chain.pem"), "FACESWAP_SIGN_KEY": str(tmp_path / "key.pem")}
    repository = one_step(checkout, "paste_faces", tmp_path / "repository")
    if fits:
        start(repository, tmp_path / "log", **keys)
        return
    with pytest.raises(ServerStartError) as caught:
        start(repository, tmp_path / "log", **keys)
    assert "signing is set up and does not work" in str(caught.value)
    assert "claimSignature.mismatch" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_gate_has_to_be_the_one_its_settings_were_written_for(checkout: Checkout, tmp_path: Path) -> None:
    repository = one_step(checkout, "align_faces", tmp_path / "repository")
    install_gate(tmp_path / "elsewhere", build_stand_in(), STAND_IN, "stand-in")
    folder = repository / "content_gate" / "1"  # without a config Triton itself does not look at it
    shutil.copytree(tmp_path / "elsewhere" / "content_gate" / "1", folder)
    (folder / "model.onnx").write_bytes(b"another network")
    with pytest.raises(ServerStartError) as caught:
        start(repository, tmp_path / "log")
    assert "is not the network gate.json was written for" in str(caught.value)
