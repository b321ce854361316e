"""`faceswap serve` in a checkout where no pack has been laid out."""

from __future__ import annotations

from pathlib import Path

import pytest
from faceswap_contract.exit_codes import ExitCode
from faceswap_models.checkout import Checkout
from faceswap_server.serve import serve
from typer import Typer
from typer.testing import CliRunner


def test_it_names_the_command_that_lays_one_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checkout, "served_repository", property(lambda _: tmp_path / "none"))
    app = Typer()
    app.command()(serve)
    ended = CliRunner().invoke(app, ["--http-port=0", "--grpc-port=0", "--metrics-port=0"])
    assert ended.exit_code == ExitCode.CANNOT_START
    assert ended.stderr.splitlines() == [
        f"faceswap serve: there is no model pack in {tmp_path / 'none'}: run `make pack` (exit code 10)"
    ]
