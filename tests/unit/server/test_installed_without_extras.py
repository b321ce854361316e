"""What the server's commands say outside a checkout, and without the extra that they need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faceswap_contract.exit_codes import ExitCode
from faceswap_models.checkout import Checkout, NotACheckout
from faceswap_server.default_log import claim_default_log
from faceswap_server.keys import KeysNeedCryptography, app
from faceswap_server.serve import serve
from faceswap_server.triton import SetupError, bundled, server_folder
from typer import Typer
from typer.testing import CliRunner

FREE_PORTS = ("--http-port=0", "--grpc-port=0", "--metrics-port=0")
FOLDERS = "pip install ./client ./python_backend ./model_packs "


@pytest.fixture
def no_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> Checkout:
        raise NotACheckout("no model_repository found")

    monkeypatch.setattr(Checkout, "find", find)


@pytest.mark.usefixtures("no_checkout")
def test_serve_needs_no_checkout_when_everything_is_given(tmp_path: Path) -> None:
    app = Typer()
    app.command()(serve)
    given = [f"--repository={tmp_path}", f"--log={tmp_path / 's.log'}", f"--triton={tmp_path / 'none'}", *FREE_PORTS]
    ended = CliRunner().invoke(app, given)
    assert ended.exit_code == ExitCode.CANNOT_START
    assert "is not there; give the path of a tritonserver program" in ended.stderr
    without = CliRunner().invoke(app, given[:1])
    assert "or give --repository and --log" in without.stderr


@pytest.mark.usefixtures("no_checkout")
def test_a_missing_onnxruntime_backend_is_one_line() -> None:
    with pytest.raises(SetupError, match="ours is in no installed package: run this inside a clone"):
        server_folder._onnxruntime_backend()


def test_a_missing_bundled_triton_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.version_info[:2] not in bundled.SUPPORTED:
        pytest.skip("this Python has no bundled Triton")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SetupError) as refused:
        bundled.find_bundled_triton()
    assert f"`{FOLDERS}'./server[bundled]'`" in str(refused.value)
    assert "--triton PATH" in str(refused.value)


def test_keys_without_cryptography_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "faceswap_core.provenance.c2pa.development_chain", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    failed = CliRunner().invoke(app, ["new", str(tmp_path)])
    assert isinstance(failed.exception, KeysNeedCryptography)
    assert str(failed.exception).startswith(f"cryptography is not installed; run `{FOLDERS}'./server[keys]'`")


def test_the_worker_without_the_sdk_names_the_extra(tmp_path: Path) -> None:
    code = (
        "import importlib.util, sys; real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'runpod' else real(name, *more)\n"
        "from faceswap_server.runpod.worker import main; sys.exit(main())"
    )
    environment = {name: text for name, text in os.environ.items() if name not in ("MODE", "FACESWAP_TRITON")}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == ExitCode.BAD_SETTINGS
    assert f"{FOLDERS}'./server[runpod]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_each_running_server_has_a_default_log_of_its_own(tmp_path: Path) -> None:
    first, second, third = (claim_default_log(tmp_path, port) for port in (8000, 8010, 8010))
    assert (first.path.name, first.shared) == ("server.log", False)
    assert (second.path.name, second.shared) == ("server-8010.log", True)
    assert (third.path.name, third.shared) == (f"server-{os.getpid()}.log", True)
    for claim in (first, second, third):
        assert claim.lock is not None
        os.close(claim.lock)
    assert claim_default_log(tmp_path).path == first.path
