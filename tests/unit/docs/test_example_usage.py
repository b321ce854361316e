"""Examples called without arguments say how they are called."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.examples import run_example


@pytest.mark.parametrize("name", ["tritonclient_grpc.py", "tritonclient_http.py", "tritonclient_http_aio.py"])
def test_an_example_without_arguments_shows_its_usage(name: str, tmp_path: Path) -> None:
    done = run_example(name, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"usage: {name} ")
    assert "Traceback" not in done.stderr
