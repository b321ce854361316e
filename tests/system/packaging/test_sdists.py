"""Source distributions: what they hold, and that a wheel built from one is the wheel of the checkout."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.clean_environment import build_wheels
from support.own_packages import FOLDERS
from support.paths import ROOT


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_sdist_is_complete_and_holds_nothing_else(folder: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path / "dist")]
    subprocess.run(command, cwd=ROOT / folder, check=True, capture_output=True)
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert {"PKG-INFO", "LICENSE", "README.md", "pyproject.toml"} <= names
    assert not [name for name in names if re.search(r"(^|/)(tests?|typescript)/|package-lock", name)]
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    (ours,) = build_wheels([folder], tmp_path / "ours")
    (theirs,) = build_wheels([unpacked.name], tmp_path / "theirs", unpacked.parent)
    assert ours.name == theirs.name
    assert contents(ours) == contents(theirs)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
