"""Every tool that can be started answers `--help` at once, and tools/README.md names it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.paths import ROOT

SOURCES = ROOT / "tools" / "src"
STARTED = sorted(
    str(path.relative_to(SOURCES).with_suffix("")).replace("/", ".").removesuffix(".__main__")
    for path in SOURCES.rglob("*.py")
    if '__name__ == "__main__"' in path.read_text()
)


def test_there_are_tools() -> None:
    assert {"faceswap_tools.demo", "faceswap_tools.soak", "faceswap_tools.fakes.control_plane"} <= set(STARTED)


@pytest.mark.parametrize("module", STARTED)
def test_a_tool_says_what_it_does(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 8
    assert done.stderr == ""


@pytest.mark.parametrize("module", STARTED)
def test_the_page_of_tools_names_it(module: str) -> None:
    assert f"`{module}`" in (ROOT / "tools" / "README.md").read_text()
