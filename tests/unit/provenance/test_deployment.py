"""Settings of a deployment: what is set up in part, or cannot work, is an error before the first request."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from faceswap_core.options import Label
from faceswap_core.provenance.c2pa.development_chain import DevelopmentChain, new_development_chain
from faceswap_core.provenance.deployment import audit_log_of, signer_of
from faceswap_core.provenance.settings import ProvenanceSettings, SettingsError, provenance_settings
from support.paths import ROOT

PAGE = (ROOT / "docs" / "responsible-use.md").read_text()


@pytest.fixture(scope="module")
def chain() -> DevelopmentChain:
    return new_development_chain()


@pytest.fixture
def files(chain: DevelopmentChain, tmp_path: Path) -> dict[str, str]:
    """Paths of a chain, its key, and a salt."""
    contents = {"chain": chain.chain_pem, "key": chain.key_pem, "salt": bytes(16), "short": b"salt"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in contents}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ProvenanceSettings.model_fields:
        monkeypatch.delenv(f"FACESWAP_{name.upper()}", raising=False)


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> ProvenanceSettings:
    for name, value in values.items():
        monkeypatch.setenv(f"FACESWAP_{name.upper()}", value)
    return provenance_settings()


def test_everything_is_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = settings(monkeypatch)
    assert (signer_of(nothing), audit_log_of(nothing), nothing.label) == (None, None, Label.OFF)
    assert nothing.content_gate == "installed"
    assert settings(monkeypatch, sign_chain="", audit="") == nothing, "an empty variable is one that is not set"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sign_chain": "chain"}, "FACESWAP_SIGN_CHAIN needs FACESWAP_SIGN_KEY or FACESWAP_SIGN_CALLBACK"),
        ({"sign_chain": "c", "sign_key": "k", "sign_callback": "m:f"}, "one of them"),
        ({"sign_key": "key"}, "FACESWAP_SIGN_CHAIN is missing"),
        ({"sign_time_stamps": "http://x"}, "FACESWAP_SIGN_CHAIN is missing"),
        ({"sign_callback": "os.system('x')"}, "FACESWAP_SIGN_CALLBACK"),
        ({"sign_algorithm": "rs256"}, "FACESWAP_SIGN_ALGORITHM"),
        ({"label": "middle"}, "FACESWAP_LABEL"),
        ({"content_gate": "off"}, "FACESWAP_CONTENT_GATE"),
        ({"audit": "stdout"}, "FACESWAP_AUDIT needs FACESWAP_AUDIT_SALT"),
        ({"audit_tag": "x" * 129}, "FACESWAP_AUDIT_TAG"),
    ],
)
def test_half_a_setting_is_an_error_that_names_it(
    values: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)) as caught:
        settings(monkeypatch, **values)
    assert "\n" not in str(caught.value)


def test_keys_from_files_sign(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
    assert signer_of(settings(monkeypatch, sign_chain=files["chain"], sign_key=files["key"])) is not None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sign_key": "/nowhere/key.pem"}, "FACESWAP_SIGN_KEY: /nowhere/key.pem cannot be read (No such file"),
        ({"sign_key": "chain"}, "signing is set up and does not work"),
        ({"sign_callback": "no_such_module:sign"}, "no_such_module:sign cannot be imported"),
        ({"sign_callback": "key_service:absent"}, "key_service:absent cannot be imported"),
        ({"sign_callback": "key_service:constant"}, "is not a function"),
        ({"sign_callback": "key_service:nonsense"}, "signing is set up and does not work"),
        ({"sign_callback": "key_service:fails"}, "signing is set up and does not work"),
        ({"sign_key": "key", "sign_algorithm": "ed25519"}, "signing is set up and does not work"),
        ({"sign_key": "key", "sign_time_stamps": "http://127.0.0.1:9/"}, "signing is set up and does not work"),
        ({"sign_key": "key", "sign_time_stamps": "ftp://127.0.0.1/"}, "http or https"),
    ],
)
def test_keys_that_do_not_sign_are_an_error(
    values: dict[str, str], words: str, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
    service: Any = ModuleType("key_service")
    service.constant, service.nonsense, service.fails = 7, lambda data: b"nonsense", _fails
    monkeypatch.setitem(sys.modules, "key_service", service)
    found = settings(monkeypatch, sign_chain=files["chain"], **{n: files.get(v, v) for n, v in values.items()})
    with pytest.raises(SettingsError, match=re.escape(words)) as caught:
        signer_of(found)
    assert "\n" not in str(caught.value)


def _fails(data: bytes) -> bytes:
    raise OSError("the key service is away")


def test_an_audit_file_is_made_private(files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = audit_log_of(settings(monkeypatch, audit=str(tmp_path / "log"), audit_salt=files["salt"]))
    assert log is not None
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"audit": "stdout", "audit_salt": "short"}, "at least 16 bytes"),
        ({"audit": "stdout", "audit_salt": "/nowhere/salt"}, "FACESWAP_AUDIT_SALT: /nowhere/salt cannot be read"),
        ({"audit": "/nowhere/log", "audit_salt": "salt"}, "the audit log cannot be kept"),
        ({"audit": "key", "audit_salt": "salt"}, "others may read the audit log"),
    ],
)
def test_an_audit_log_that_cannot_be_kept_is_an_error(
    values: dict[str, str], words: str, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(files["key"]).chmod(0o644)
    found = settings(monkeypatch, **{name: files.get(value, value) for name, value in values.items()})
    with pytest.raises(SettingsError, match=re.escape(words)):
        audit_log_of(found)


def test_the_page_has_every_setting() -> None:
    rows = re.findall(r"^\| `FACESWAP_([A-Z_]+)` \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    expected = [
        (name.upper(), _shown(field.default), str(field.description))
        for name, field in ProvenanceSettings.model_fields.items()
    ]
    assert rows == expected


def _shown(default: object) -> str:
    text = getattr(default, "value", default)
    return f"`{text}`" if text else "not set"
