"""A misspelt variable ends every command of the pack tools before it does anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("packs", ("offline", "--output", "out")),
        ("offline", ("out",)),
        ("content_gate", ("stand-in", "--repository", "out")),
        ("insightface", ("--output", "out", "--accept-license", "--from", ".")),
    ],
)
def test_a_misspelt_variable_is_refused(module: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"faceswap_models.{module}", *arguments]
    environ = os.environ | {"FACESWAP_CONTENT_GAT": "x"}
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    (line,) = ended.stderr.splitlines()
    assert "there is no environment variable FACESWAP_CONTENT_GAT; the nearest is FACESWAP_CONTENT_GATE" in line
    assert ended.returncode == 2
    assert list(tmp_path.iterdir()) == []
