"""Names in shared memory: one server's steps agree, and what living servers have is never deleted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faceswap_core.buffers.new_lease import server_buffer_pool
from faceswap_core.buffers.private_folder import NotPrivate, PrivateFolder
from faceswap_core.buffers.server_name import (
    VARIABLE,
    buffer_folder,
    delete_abandoned_folders,
    delete_abandoned_regions,
    folder_of,
    name_of_process,
    new_name,
    region_prefix,
)
from faceswap_core.buffers.server_processes import make_private
from faceswap_core.limits import Limits
from support.second_user import NOBODY, needs_root


def test_names_of_launchers_cannot_be_guessed() -> None:
    names = {new_name() for _ in range(100)}
    assert len(names) == 100
    assert all(Limits(server_name=name).server_name == name for name in names), "the contract knows the form"
    for wrong in ("../x", "p7-0123456789abcdeg", "0123456789abcdef", "p7-0123456789abcdef/x"):
        with pytest.raises(ValueError, match="FACESWAP_SERVER_NAME|server_name"):
            Limits(server_name=wrong)


def test_children_of_one_process_agree() -> None:
    script = "import os; from faceswap_core.buffers.server_name import name_of_process as n; print(n(os.getppid()))"
    names = {subprocess.check_output([sys.executable, "-c", script], text=True).strip() for _ in range(2)}
    assert names == {name_of_process(os.getpid())}
    assert names != {name_of_process(os.getppid())}


def test_the_steps_use_the_launchers_folder_and_make_their_own_without_one(tmp_path: Path) -> None:
    name = new_name()
    made = PrivateFolder.create(folder_of(name, tmp_path))
    server_buffer_pool(Limits(server_name=name), os.getppid(), tmp_path).lease((30, 40))
    assert any(each.endswith(".target") for each in (name for name, _ in made.files()))
    server_buffer_pool(Limits(), os.getppid(), tmp_path).lease((30, 40))
    assert folder_of(name_of_process(os.getppid()), tmp_path).is_dir()
    elsewhere = tmp_path / "chosen" / "by the operator"
    server_buffer_pool(Limits(frames_directory=elsewhere, server_name=name), os.getppid(), tmp_path).lease((30, 40))
    assert [path.name for path in elsewhere.iterdir()] == [folder_of(name).name], "each server its own"


@needs_root
def test_a_folder_planted_under_a_name_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    planted = folder_of(name_of_process(os.getppid()), tmp_path)
    planted.mkdir(mode=0o777)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (planted / "4096.0.free").symlink_to(victim)
    os.chown(planted, NOBODY, NOBODY)
    with pytest.raises(NotPrivate, match="belongs to user"):
        server_buffer_pool(Limits(), os.getppid(), tmp_path)
    assert victim.read_text() == "mine"


def test_who_watches_finds_the_folder_in_the_environment(tmp_path: Path) -> None:
    name = new_name()
    command = [sys.executable, "-c", "print(flush=True); input()"]
    for extra, expected in (
        ({VARIABLE: name}, folder_of(name)),
        ({VARIABLE: name, "FACESWAP_FRAMES_DIRECTORY": str(tmp_path)}, folder_of(name, tmp_path)),
    ):
        with subprocess.Popen(command, stdin=-1, stdout=-1, env=os.environ | extra) as process:
            assert process.stdout is not None
            process.stdout.readline()
            assert buffer_folder(process.pid) == expected
            process.communicate(b"\n")
    assert buffer_folder(os.getpid()) == folder_of(name_of_process(os.getpid()))


def test_only_what_nobody_holds_is_abandoned(tmp_path: Path) -> None:
    alive, dead, foldered = new_name(), new_name(), new_name()
    held = PrivateFolder.create(folder_of(alive, tmp_path))
    PrivateFolder.create(folder_of(foldered, tmp_path)).close()
    by_hand = folder_of("4026531836-77-12345", tmp_path)
    by_hand.mkdir(mode=0o700)
    for name in (alive, dead, foldered):
        for region in ("a-b", "c-d"):
            (tmp_path / f"{region_prefix(name)}{region}").touch()
    others = [tmp_path / name for name in ("faceswap_1_abcdef_x", "faceswap-frames-1", "sem.x", "faceswap_x")]
    for path in others:  # the first two: of version 0.1, which named servers by their process
        path.touch()
    assert delete_abandoned_regions(tmp_path) == 4
    assert delete_abandoned_folders(tmp_path) == 2
    left = {held.path, *(tmp_path / f"{region_prefix(alive)}{region}" for region in ("a-b", "c-d")), *others}
    assert set(tmp_path.iterdir()) == left


def test_regions_are_taken_from_others(tmp_path: Path) -> None:
    region, victim, link = tmp_path / "region", tmp_path / "victim", tmp_path / "link"
    for path in (region, victim):
        path.touch()
        path.chmod(0o644)
    link.symlink_to(victim)
    make_private([region, link, tmp_path / "gone"])
    assert region.stat().st_mode & 0o777 == 0o600
    assert victim.stat().st_mode & 0o777 == 0o644, "links are not followed"
