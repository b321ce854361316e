"""The curl scripts of examples/ against the front and against Triton's own port, with and without the token."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faceswap_server.http import FrontServer
from faceswap_server.triton import TritonServer
from integration.http.conftest import TOKEN
from support.examples import run_example, size_of

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl is not installed (Debian and Ubuntu: apt-get install curl)"
)
SCRIPTS = ["curl_kserve.sh", "curl_plain.sh"]


@pytest.fixture
def folder(tmp_path: Path, portrait: Path, group: Path) -> Path:
    """A user's folder; the name of one image has what shells and curl take apart."""
    shutil.copy(portrait, tmp_path / "me.png")
    shutil.copy(group, tmp_path / "the group; in, one.jpg")
    (tmp_path / "page.jpg").write_bytes(b"<html>not an image</html>")
    return tmp_path


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_front_answers_curl_with_the_token(script: str, folder: Path, front: FrontServer) -> None:
    done = run_example(script, "me.png", "the group; in, one.jpg", "out.jpg", front.url, cwd=folder, token=TOKEN)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert size_of(folder / "out.jpg") == ("JPEG", (1280, 886))


def test_tritons_own_port_answers_curl(folder: Path, server: TritonServer) -> None:
    done = run_example("curl_kserve.sh", "me.png", "the group; in, one.jpg", "out.jpg", server.http_url, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert size_of(folder / "out.jpg") == ("JPEG", (1280, 886))


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("token", "status", "code"),
    [(TOKEN, 415, "NOT_AN_IMAGE"), (None, 401, "UNAUTHORIZED"), ("wrong", 401, "UNAUTHORIZED")],
)
def test_a_refusal_is_shown_and_leaves_no_file(
    script: str, token: str | None, status: int, code: str, folder: Path, front: FrontServer
) -> None:
    done = run_example(script, "me.png", "page.jpg", "out.jpg", front.url, cwd=folder, token=token)
    assert done.returncode == 1
    assert done.stderr.startswith(f"HTTP {status}: ")
    assert code in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["me.png", "page.jpg", "the group; in, one.jpg"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_without_arguments_it_says_what_it_takes(script: str, tmp_path: Path) -> None:
    done = run_example(script, cwd=tmp_path)
    assert done.returncode == 2
    assert "SOURCE TARGET OUT" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_server_that_is_not_there_is_said(script: str, folder: Path) -> None:
    done = run_example(script, "me.png", "me.png", "out.jpg", "http://127.0.0.1:9", cwd=folder)
    assert done.returncode != 0
    assert "curl: (7)" in done.stderr
    assert not (folder / "out.jpg").exists()
