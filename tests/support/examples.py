"""Runs the files in examples/ as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image
from support.paths import ROOT

EXAMPLES = ROOT / "examples"


def run_example(
    name: str, *arguments: str, cwd: Path, python: str = sys.executable, token: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a .py file with `python`, a .sh file with sh; settings and proxies of this machine do not reach it."""
    program = "sh" if name.endswith(".sh") else python
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment.pop("FACESWAP_TOKEN", None)
    if token is not None:
        environment["FACESWAP_TOKEN"] = token
    return subprocess.run(
        [program, EXAMPLES / name, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def size_of(path: Path) -> tuple[str | None, tuple[int, int]]:
    """Format and (width, height)."""
    with Image.open(path) as image:
        image.load()
        return image.format, image.size
