"""Arguments of `faceswap serve` that are refused before anything is looked for."""

from __future__ import annotations

import pytest
from faceswap_client.cli import ExitCode, app
from typer.testing import CliRunner


@pytest.mark.parametrize("arguments", ["'", '--model-config-name="cuda'])
def test_an_open_quotation_in_the_arguments_for_triton_is_a_usage_error(arguments: str) -> None:
    ended = CliRunner().invoke(app, ["serve", "--triton-arguments", arguments])
    assert ended.exit_code == ExitCode.USAGE
    (line,) = ended.stderr.splitlines()
    assert "--triton-arguments" in line
    assert "No closing quotation" in line
