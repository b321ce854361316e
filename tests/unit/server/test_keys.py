"""`faceswap keys new`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from faceswap_core.provenance.c2pa.signing import ManifestSigner
from faceswap_server.keys import KeysExistError, app
from typer.testing import CliRunner


def test_keys_are_made_private_and_called_untrusted(tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
    folder = tmp_path / "keys"
    done = CliRunner().invoke(app, ["new", str(folder)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("UNTRUSTED")
    assert f"FACESWAP_SIGN_KEY={folder / 'key.pem'}" in done.output
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "chain.pem": 0o600, "key.pem": 0o600, "root.pem": 0o600,
    }  # fmt: skip
    ManifestSigner((folder / "chain.pem").read_bytes(), (folder / "key.pem").read_bytes()).check()


def test_no_key_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("mine")
    failed = CliRunner().invoke(app, ["new", str(tmp_path)])
    assert isinstance(failed.exception, KeysExistError)
    assert [path.name for path in tmp_path.iterdir()] == ["chain.pem"]
