"""The parts of `make image-proof` that need neither root nor Buildah."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faceswap_tools.image_proof.pip_settings import pip_settings


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No pip settings but those of a test, in the file that is returned."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "pip.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(path))
    monkeypatch.setattr(sys, "executable", str(without_other_files(tmp_path)))
    return path


def without_other_files(folder: Path) -> Path:
    """A python that reads no settings of this machine: pip looks for them in HOME and below XDG_CONFIG_DIRS."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nHOME={folder} XDG_CONFIG_DIRS={folder} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return script


def test_an_index_of_files_is_lent_with_the_folder_its_packages_lie_in(alone: Path, tmp_path: Path) -> None:
    (tmp_path / "index" / "simple").mkdir(parents=True)
    (tmp_path / "wheels").mkdir()
    alone.write_text(
        f"[global]\nextra-index-url = file://{tmp_path}/index/simple\nfind-links = {tmp_path}/wheels\n"
        "index-url = https://packages.example/simple\nprogress-bar = off\n"
    )
    settings = pip_settings()
    assert {tmp_path / "index", tmp_path / "wheels"} <= set(settings.paths)
    assert "index-url = https://packages.example/simple" in settings.text.splitlines()
    assert "progress-bar" not in settings.text


def test_environment_variables_count_too(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
    assert "index-url = https://packages.example/simple" in pip_settings().text.splitlines()


def test_a_machine_without_the_tools_is_told_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "faceswap_tools.image_proof"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "buildah" in done.stderr
    assert len(done.stderr.splitlines()) == 1
