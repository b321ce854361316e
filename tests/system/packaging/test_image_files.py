"""The files that the Dockerfile's step puts into an image as our own packages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from support.own_packages import PRODUCTION
from support.paths import ROOT

SCRIPT = ROOT / "deploy" / "container" / "install_own.sh"


def packages_of_the_dockerfile() -> list[str]:
    (found,) = re.findall(
        r"install_own\.sh /opt/own /opt/builder /source ([\w ]+)$", (ROOT / "Dockerfile").read_text(), re.M
    )
    return str(found).split()


def test_an_image_holds_the_sources_of_four_packages_and_nothing_else(tmp_path: Path) -> None:
    assert tuple(packages_of_the_dockerfile()) == PRODUCTION
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    source = tmp_path / "source"  # what the Dockerfile copies
    source.mkdir()
    for folder in ("contract", *PRODUCTION):
        (source / folder).symlink_to(ROOT / folder)
    builder = sysconfig.get_path("purelib")
    subprocess.run(
        ["sh", str(SCRIPT), str(tmp_path / "own"), builder, str(source), *PRODUCTION],
        env={**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"},
        check=True,
    )
    installed = {
        str(path.relative_to(tmp_path / "own"))
        for path in (tmp_path / "own").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    packages = {name for name in installed if ".dist-info/" not in name and not name.startswith("bin/")}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    sources = {
        found[1]
        for name in tracked
        if (found := re.match(rf"(?:contract|{'|'.join(PRODUCTION)})/src/(.*)", name)) and (ROOT / name).exists()
    }
    assert packages == sources
    assert {name for name in installed if name.startswith("bin/")} == {"bin/faceswap"}
    assert len([name for name in installed if name.endswith("/licenses/LICENSE")]) == len(PRODUCTION)
    assert not [name for name in installed if re.search(r"tests?/|conftest|fake|random_weights|benchmark|tools", name)]
