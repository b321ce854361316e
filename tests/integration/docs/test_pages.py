"""Code blocks of the pages on protocols and migration run as they are written, in the folder `make demo` fills."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faceswap_server.triton import TritonServer
from faceswap_tools.demo import write_example_images
from PIL import Image
from support.paths import ROOT

PAGES = ("docs/protocol.md", "docs/migrate/from-insightface.md", "docs/migrate/from-facefusion.md")
FRONT = re.compile(r"<!-- front -->\n```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
LANGUAGES = {"sh": ["sh", "-euc"], "python": [sys.executable, "-c"]}


def blocks() -> list[tuple[str, str, str]]:
    """Page, language and code of each block but those for the front."""
    found = []
    for page in PAGES:
        text = FRONT.sub("", (ROOT / page).read_text())
        found += [(page, *block) for block in re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    return found


@pytest.mark.parametrize(("page", "language", "code"), blocks(), ids=str)
def test_block_runs(page: str, language: str, code: str, server: TritonServer, tmp_path: Path) -> None:
    if "kserve" in code:
        pytest.skip("kserve needs a virtual environment of its own: tests/system runs its client")
    if "curl" in code and shutil.which("curl") is None:
        pytest.skip("curl is not installed (Debian and Ubuntu: apt-get install curl)")
    write_example_images(tmp_path)
    code = code.replace("127.0.0.1:8000", f"127.0.0.1:{server.http_port}").replace(
        "127.0.0.1:8001", server.grpc_address
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*LANGUAGES[language], code],
        cwd=tmp_path, env=os.environ | {"PATH": path, "FACESWAP_SERVER": server.grpc_address},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = {path.name for path in tmp_path.iterdir()} - {"me.jpg", "group.jpg", "you.jpg"}
    images = {name for name in written if name.endswith((".jpg", ".png"))}
    assert images, f"{page}: the block writes no image"
    for name in images:
        with Image.open(tmp_path / name) as image:
            assert image.size == ((210, 250) if name.startswith("you") else (1280, 886)), name


@pytest.fixture(scope="module")
def front(offline_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of `faceswap serve --listen`."""
    folder = tmp_path_factory.mktemp("front")
    arguments = ["--http-port=0", "--grpc-port=0", "--metrics-port=0", f"--log={folder / 'server.log'}"]
    arguments += ["--listen=127.0.0.1:0", f"--repository={offline_repository}"]
    command = [str(Path(sys.executable).parent / "faceswap"), "serve", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        address = ""
        for line in serving.stderr:
            address = line.split("//")[1].strip() if line.startswith("front") else address
            if line.startswith("Ctrl-C"):
                break
        yield address
        serving.send_signal(signal.SIGINT)
        serving.communicate(timeout=60)
    assert serving.returncode == 0


def test_the_plain_api_blocks_run(front: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed (Debian and Ubuntu: apt-get install curl)")
    found = FRONT.findall((ROOT / "docs" / "protocol.md").read_text())
    assert len(found) == 1
    write_example_images(tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    code = found[0].replace("127.0.0.1:8080", front)
    done = subprocess.run(
        ["sh", "-euc", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "swapped.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (1280, 886))
