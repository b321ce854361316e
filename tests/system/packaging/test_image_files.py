"""The files that the Dockerfile's step puts into an image as our own packages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.own_packages import PRODUCTION
from support.paths import ROOT

CONTAINER = ROOT / "deploy" / "container"


def packages_of_the_dockerfile() -> list[str]:
    (found,) = re.findall(
        r"install_own\.sh /opt/own /opt/builder /source ([\w ]+)$", (ROOT / "Dockerfile").read_text(), re.M
    )
    return str(found).split()


@dataclass(frozen=True, slots=True)
class BuildStage:
    """The folders of a stage of the Dockerfile, below `root` instead of `/`."""

    root: Path

    @property
    def own(self) -> Path:
        return self.root / "own"

    @property
    def source(self) -> Path:
        return self.root / "source"

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A script of deploy/container, with this environment's Python as `python3`, in the source folder."""
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(self.own)}
        command = ["sh", str(CONTAINER / script), *arguments]
        done = subprocess.run(
            command, cwd=self.source, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> BuildStage:
    """What the Dockerfile copies, and our packages as it installs them."""
    stage = BuildStage(tmp_path_factory.mktemp("stage"))
    python = stage.root / "bin" / "python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    stage.source.mkdir()
    for folder in ("contract", "model_repository", *PRODUCTION):
        (stage.source / folder).symlink_to(ROOT / folder)
    stage.run("install_own.sh", str(stage.own), sysconfig.get_path("purelib"), str(stage.source), *PRODUCTION)
    return stage


def test_an_image_holds_the_sources_of_four_packages_and_nothing_else(stage: BuildStage) -> None:
    assert tuple(packages_of_the_dockerfile()) == PRODUCTION
    installed = {
        str(path.relative_to(stage.own)) for path in stage.own.rglob("*") if path.is_file() and path.suffix != ".pyc"
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


def test_the_pack_stage_lays_out_a_repository_that_swaps(stage: BuildStage) -> None:
    """`prepare_pack.sh` and `prove_pack.sh` with the packages as installed: a real server, a real swap."""
    repository = stage.root / "opt" / "model_repository"
    stage.run("prepare_pack.sh", "offline", "no", str(repository))
    assert not [path for path in repository.rglob("*") if path.is_symlink()], "an image has no packs to link to"
    assert not [path for path in repository.rglob("*") if re.search(r"\.part$|__pycache__|\.gitkeep", path.name)]
    said = stage.run("prove_pack.sh", str(repository)).stdout
    assert "every check passed (3 run)" in said
    assert (stage.source / ".packs" / "offline").is_dir(), "the packages of the stage prepared it, not this checkout's"
