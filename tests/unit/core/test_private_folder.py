"""Private folder: what others have planted is refused, and only what nobody holds is deleted."""

from __future__ import annotations

import mmap
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faceswap_core.buffers.private_folder import NotPrivate, PrivateFolder, delete_abandoned, is_held
from support.second_user import NOBODY, needs_root

ALL = re.compile(".+")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[PrivateFolder]:
    made = PrivateFolder.create(tmp_path / "folder")
    yield made
    made.close()


@contextmanager
def held_by_a_process(path: Path, *prefix: str) -> Iterator[None]:
    """Another process that holds the folder until the block ends."""
    script = "import sys; from pathlib import Path; from faceswap_core.buffers.private_folder import PrivateFolder\n"
    script += "held = PrivateFolder.join(Path(sys.argv[1])); print(flush=True); input()"
    command = [*prefix, sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        yield
        process.communicate("\n")


def test_it_is_made_for_this_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = PrivateFolder.create(tmp_path / "folder")
        folder.allocate("file", 5, 7.0)
    finally:
        os.umask(before)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert (folder.path / "file").stat().st_mode & 0o777 == 0o600


def test_it_is_made_exclusively(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o700)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("there", "dangling"):
        with pytest.raises(FileExistsError):
            PrivateFolder.create(tmp_path / name)
    assert not (tmp_path / "nowhere").exists()


@needs_root
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    planted.mkdir(mode=0o700)
    os.chown(planted, NOBODY, NOBODY)
    for make in (PrivateFolder.join, PrivateFolder.open):
        with pytest.raises(NotPrivate, match=f"belongs to user {NOBODY}, not to user 0"):
            make(planted)


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o750, 0o770, 0o777])
def test_a_folder_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    planted = tmp_path / "planted"
    planted.mkdir()
    planted.chmod(mode)
    with pytest.raises(NotPrivate, match=rf"may be used by others \(mode {mode:o}\); `chmod 700` it"):
        PrivateFolder.join(planted)


def test_a_link_to_a_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(NotPrivate, match="is not a folder of this user alone"):
            PrivateFolder.join(tmp_path / name)


def test_links_in_it_are_not_followed(folder: PrivateFolder, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (folder.path / "link").symlink_to(victim)
    (folder.path / "hard").hardlink_to(victim)
    os.mkfifo(folder.path / "pipe")
    (folder.path / "inner").mkdir()
    for name in ("link", "hard", "pipe", "inner"):
        with pytest.raises(NotPrivate):
            folder.open_file(name)
    before = victim.stat()
    folder.stamp("link", 5.0)
    assert (victim.stat().st_atime, victim.stat().st_mtime) == (before.st_atime, before.st_mtime)
    assert folder.stat("link").st_atime == 5.0
    folder.allocate("link", 4096, 1.0)
    assert victim.read_text() == "mine"
    assert not (folder.path / "link").is_symlink(), "replaced"


@needs_root
def test_a_file_of_somebody_else_is_refused(folder: PrivateFolder) -> None:
    folder.allocate("file", 5, 7.0)
    os.chown(folder.path / "file", NOBODY, NOBODY)
    with pytest.raises(NotPrivate):
        folder.open_file("file")


def test_another_folder_in_its_place_is_not_used(folder: PrivateFolder, tmp_path: Path) -> None:
    folder.path.rename(tmp_path / "moved")
    folder.path.mkdir(mode=0o700)
    folder.allocate("file", 5, 7.0)
    assert [path.name for path in folder.path.iterdir()] == []
    assert [path.name for path in (tmp_path / "moved").iterdir()] == ["file"]
    folder.delete()
    assert folder.path.exists()


def test_a_stamp_is_changed_by_nothing_else(folder: PrivateFolder) -> None:
    folder.allocate("file", 8192, 1234.5)
    descriptor = folder.open_file("file")
    with mmap.mmap(descriptor, 8192) as mapped:
        mapped[5000] = 7
        assert mapped[0] == 0
    os.pread(descriptor, 10, 0)
    os.close(descriptor)
    folder.rename("file", "other")
    assert folder.stat("other").st_atime == 1234.5
    folder.mark("mark", 3.25)
    folder.mark("mark", 4.25)
    assert folder.stat("mark").st_atime == 4.25
    assert sorted([name for name, _ in folder.files()]) == ["mark", "other"]


def test_what_a_killed_process_was_making_is_deleted(folder: PrivateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", lambda *_: os._exit(9))
        child = os.fork()
        if child == 0:
            folder.allocate("file", 5, 7.0)
        os.waitpid(child, 0)
    assert len([name for name, _ in folder.files()]) == 1
    with folder.locked():
        folder.remove_unfinished()
    assert [name for name, _ in folder.files()] == ["lock"]


def test_what_a_process_holds_is_not_deleted(tmp_path: Path) -> None:
    held, left = tmp_path / "held", tmp_path / "left"
    with held_by_a_process(held):
        left.mkdir(mode=0o700)
        (left / "file").touch()
        assert (is_held(held), is_held(left), is_held(tmp_path / "none")) == (True, False, False)
        assert delete_abandoned(tmp_path, ALL) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["held"]
    assert delete_abandoned(tmp_path, re.compile("hel")) == 0, "another name"
    assert delete_abandoned(tmp_path, ALL) == 1


@needs_root
def test_what_a_process_of_another_pid_namespace_holds_is_not_deleted(tmp_path: Path) -> None:
    """Containers that share /dev/shm do not see each other's processes."""
    with held_by_a_process(tmp_path / "held", "unshare", "--pid", "--fork", "--mount-proc"):
        assert delete_abandoned(tmp_path, ALL) == 0
    assert delete_abandoned(tmp_path, ALL) == 1


@needs_root
def test_what_belongs_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    planted.mkdir(mode=0o700)
    os.chown(planted, NOBODY, NOBODY)
    (tmp_path / "link").symlink_to(planted)
    assert is_held(planted)
    assert delete_abandoned(tmp_path, ALL) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "planted"]


def test_processes_that_start_at_once_agree_on_one_folder(tmp_path: Path) -> None:
    """While others delete what they take for abandoned."""
    script = "import sys, re; from pathlib import Path; from faceswap_core.buffers import private_folder as p\n"
    script += "path = Path(sys.argv[1])\n"
    script += "for _ in range(200):\n"
    script += "    p.delete_abandoned(path.parent, re.compile('.+'))\n"
    script += "    held = p.PrivateFolder.join(path)\n"
    script += "    assert path.stat().st_ino == held.stat('.').st_ino\n"
    script += "    held.close()\n"
    command = [sys.executable, "-c", script, str(tmp_path / "folder")]
    processes = [subprocess.Popen(command) for _ in range(3)]
    deadline = time.monotonic() + 60
    assert [process.wait(deadline - time.monotonic()) for process in processes] == [0, 0, 0]
