"""The checkout's `model_repository/` stays as it is through laying out a pack, serving it and swapping."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faceswap_client import Client
from faceswap_models.checkout import Checkout
from faceswap_models.layout import lay_out_repository
from support.served import Served


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Path -> inode and time of change, of every file and folder."""
    found = {path: path.lstat() for path in [folder, *folder.rglob("*")]}
    return {str(path.relative_to(folder)): (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}


def untracked(checkout: Checkout) -> str:
    """What git sees beside the tracked files, ignored ones included."""
    command = ["git", "-C", str(checkout.root), "status", "--porcelain", "--ignored", "model_repository"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_pack_serve_and_swap(checkout: Checkout, tmp_path: Path, portrait: Path) -> None:
    if shutil.which("git") is None or not (checkout.root / ".git").exists():
        pytest.skip("needs a git checkout: it asks git for files that are not tracked")
    before = state(checkout.model_repository), untracked(checkout)
    command = [sys.executable, "-m", "faceswap_models.packs", "offline", "--output", str(tmp_path / "models")]
    subprocess.run(command, check=True, capture_output=True)
    lay_out_repository(checkout.packs / "offline", tmp_path / "linked")
    with Served(tmp_path, f"--repository={tmp_path / 'linked'}") as served:
        address = served.wait_until("healthy")["grpc"]
        assert Client(address).swap(portrait, portrait).image
    assert (state(checkout.model_repository), untracked(checkout)) == before
