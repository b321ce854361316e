"""Triton's own Python clients call the server as examples/ shows: HTTP, gRPC and asyncio; refusals reach the caller."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faceswap_server.triton import TritonServer
from support.examples import run_example, size_of

NOT_AN_IMAGE = b"<html>not an image</html>"


@pytest.fixture
def folder(tmp_path: Path, portrait: Path, group: Path) -> Path:
    """A user's folder with me.png, group.jpg and page.jpg, which is no image."""
    shutil.copy(portrait, tmp_path / "me.png")
    shutil.copy(group, tmp_path / "group.jpg")
    (tmp_path / "page.jpg").write_bytes(NOT_AN_IMAGE)
    return tmp_path


def address(example: str, server: TritonServer) -> str:
    return server.grpc_address if "grpc" in example else server.http_url.removeprefix("http://")


@pytest.mark.parametrize("example", ["tritonclient_http.py", "tritonclient_grpc.py"])
def test_a_client_of_tritons_own_gets_the_swapped_image(example: str, folder: Path, server: TritonServer) -> None:
    done = run_example(example, "me.png", "group.jpg", "out.png", address(example, server), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out.png: 6 of 6 faces swapped\n"
    assert size_of(folder / "out.png") == ("PNG", (1280, 886))


@pytest.mark.parametrize(
    ("example", "status"), [("tritonclient_http.py", "HTTP 400"), ("tritonclient_grpc.py", "StatusCode.INVALID_ARG")]
)
def test_a_refusal_reaches_a_client_of_tritons_own(
    example: str, status: str, folder: Path, server: TritonServer
) -> None:
    done = run_example(example, "me.png", "page.jpg", "out.png", address(example, server), cwd=folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{status}")
    assert "NOT_AN_IMAGE: TARGET_IMAGE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "out.png").exists()


def test_the_asyncio_client_swaps_many_images_and_names_the_one_that_failed(folder: Path, server: TritonServer) -> None:
    arguments = ["me.png", "group.jpg", "page.jpg", "me.png", "--into", "out", "--server"]
    example = "tritonclient_http_aio.py"
    done = run_example(example, *arguments, address(example, server), cwd=folder)
    assert done.returncode == 1
    assert done.stdout == "2 of 3 images written into out\n"
    assert done.stderr.startswith("page.jpg: HTTP 400")
    assert "NOT_AN_IMAGE: TARGET_IMAGE" in done.stderr
    assert size_of(folder / "out" / "group.png") == ("PNG", (1280, 886))
    assert size_of(folder / "out" / "me.png") == ("PNG", (512, 512))
