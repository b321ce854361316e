"""Paths that Triton cannot work with are refused at once in one line, not after two minutes without a reason."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from faceswap_server.triton import ServerSettings, SetupError, TritonServer
from faceswap_server.triton.bundled import find_bundled_triton
from faceswap_server.triton.paths import check_python_path, check_temporary_folder


@pytest.mark.parametrize("name", ["a b", "r\u00e9no", "q'x", "d$x", "s;x", "t\tx", "n\nx", "(x)", "a&b", "a*b"])
def test_a_server_does_not_start_in_such_a_temporary_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / name
    odd.mkdir()
    (tmp_path / "repository").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    began = time.monotonic()
    with pytest.raises(SetupError, match="choose another one with TMPDIR") as caught:
        TritonServer(ServerSettings(tmp_path / "repository", log=tmp_path / "log")).start()
    assert time.monotonic() - began < 5
    assert "\n" not in str(caught.value)
    assert list(odd.iterdir()) == []


@pytest.mark.parametrize("name", ["a-b_c.d", "x+y=z", "~u", "a:b", "a@b,c"])
def test_other_folders_are_taken(name: str, tmp_path: Path) -> None:
    check_temporary_folder(tmp_path / name)


def test_a_path_file_with_other_letters_is_refused(tmp_path: Path) -> None:
    plain, odd = tmp_path / "plain.pth", tmp_path / "odd.pth"
    plain.write_text("/home/reno/faceswap\n")
    check_python_path([], [plain])
    odd.write_text("/home/r\u00e9no/faceswap\n", encoding="utf-8")
    with pytest.raises(SetupError, match=r"odd\.pth.* letters beyond ASCII") as caught:
        check_python_path([], [plain, odd])
    assert "\n" not in str(caught.value)


def test_a_directory_with_a_colon_is_refused() -> None:
    with pytest.raises(SetupError, match="a path with a colon"):
        check_python_path(["/home/a:b/lib"], [])


def test_this_python_is_one_that_steps_can_use() -> None:
    check_python_path([str(find_bundled_triton().libraries)])
