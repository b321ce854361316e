"""`make uninstall` in a clone: everything that was made goes, tracked files and running servers stay."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faceswap_core.buffers.private_folder import PrivateFolder
from support.paths import ROOT

MADE = (
    ".venv/bin/python",
    ".packs/offline/manifest.json",
    ".served/model_repository/pack.json",
    "out/server.log",
    "examples/images/me.jpg",
    "client/typescript/node_modules/x/index.js",
    ".mypy_cache/x",
    "server/src/faceswap_server/__pycache__/serve.pyc",
    "model_repository/det_10g/1/model.onnx",
    "model_repository/pack.json",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with what a user would have made in it."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout to clone")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    for name in ("Makefile", "tools/uninstall.sh", ".gitignore"):  # as they are here, committed or not
        shutil.copy(ROOT / name, clone / name)
    subprocess.run(["git", "add", "--all"], cwd=clone, check=True)
    commit = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "--quiet", "-m", "as here"]
    subprocess.run(commit, cwd=clone, check=False)  # nothing to commit is fine
    for name in MADE:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("made")
    return clone


def uninstall(clone: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "SHARED_MEMORY": str(tmp_path / "shm"),
    }
    return subprocess.run(
        ["make", "uninstall"], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )


def beside_the_tracked_files(clone: Path) -> str:
    command = ["git", "status", "--porcelain", "--ignored"]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True).stdout


def test_everything_made_goes_and_nothing_else(clone: Path, tmp_path: Path) -> None:
    for name in ("faceswap-triton/downloads/inswapper_128.onnx", "another-program/file"):
        (tmp_path / "cache" / name).parent.mkdir(parents=True)
        (tmp_path / "cache" / name).write_text("cached")
    assert beside_the_tracked_files(clone)
    done = uninstall(clone, tmp_path)
    assert done.returncode == 0, done.stderr
    assert beside_the_tracked_files(clone) == ""
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["another-program"]
    assert uninstall(clone, tmp_path).returncode == 0, "a second time there is nothing to do"


def test_shared_memory_goes_only_with_its_server(clone: Path, tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    shm = tmp_path / "shm"
    shm.mkdir()
    mapped = shm / f"faceswap_{ended.pid}_abc_mapped"
    mapped.write_bytes(bytes(mmap.PAGESIZE))
    kept = {mapped.name, f"faceswap_{os.getpid()}_abc_1", f"faceswap-frames-{os.getpid()}", "faceswap_other", "sem.x"}
    for name in kept | {f"faceswap_{ended.pid}_abc_1"}:
        (shm / name).touch()
    (shm / f"faceswap-frames-{ended.pid}").mkdir()
    (shm / f"faceswap-frames-{ended.pid}" / "frame").write_text("pixels")
    # of a server whose process is unseen, as in another container, and of one that has ended
    held, left = f"p{ended.pid}-0123456789abcdef", f"p{ended.pid}-fedcba9876543210"
    for name in (held, left):
        (shm / f"faceswap-frames-{name}").mkdir(mode=0o700)
        (shm / f"faceswap_{name.replace('-', '_')}_region").touch()
    kept |= {f"faceswap-frames-{held}", f"faceswap_{held.replace('-', '_')}_region"}
    lock = PrivateFolder.open(shm / f"faceswap-frames-{held}")
    with mapped.open("r+b") as file, mmap.mmap(file.fileno(), 0):
        done = uninstall(clone, tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in shm.iterdir()} == kept
    lock.close()
    assert uninstall(clone, tmp_path).returncode == 0
    assert not (shm / f"faceswap-frames-{held}").exists()


def test_a_server_of_the_checkout_has_to_be_stopped_first(clone: Path, tmp_path: Path) -> None:
    program = clone / ".venv" / "bin" / "tritonserver"
    shutil.copy("/bin/sleep", program)
    running = subprocess.Popen([str(program), "60"])
    try:
        done = uninstall(clone, tmp_path)
    finally:
        running.kill()
        running.wait()
    assert done.returncode != 0
    assert f"tritonserver of this checkout is running (pid {running.pid})" in done.stderr
    assert (clone / ".packs").exists()
