"""The examples of client/README.md run as they are written, against the fake server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import faceswap_client
import pytest
from faceswap_client import FaceSwapError
from PIL import Image
from support.paths import ROOT

README = (ROOT / "client" / "README.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^(faceswap .*)$", README, re.MULTILINE)
IMAGES = ("me.jpg", "group.jpg", "party.jpg", "ann.jpg", "ben.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in IMAGES:
        Image.new("RGB", (320, 200), "grey").save(tmp_path / name)
    return tmp_path


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("example", "made"), [(0, ["swapped.jpg"]), (1, ["swapped-group.jpg", "swapped-party.jpg"])])
def test_an_example_in_python(fake: Any, folder: Path, example: int, made: list[str]) -> None:
    text = PYTHON[example].replace("127.0.0.1:8001", fake.grpc_address)
    done = run([sys.executable, "-W", "error", "-c", text], folder)
    assert done.returncode == 0, done.stderr
    assert all((folder / name).read_bytes().endswith((folder / "group.jpg").read_bytes()) for name in made)


def test_the_example_for_runpod_reaches_the_platform_with_its_key(folder: Path) -> None:
    keys: list[str | None] = []

    class Platform(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers["Authorization"])
            self.send_response(401)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    text = PYTHON[2].replace("api_key=", f"base_url={address!r}, api_key=")
    done = run([sys.executable, "-c", text], folder, RUNPOD_API_KEY="sesame", NO_PROXY="127.0.0.1")
    server.shutdown()
    server.server_close()
    assert keys == ["Bearer sesame"]
    assert done.stderr.splitlines()[-1].endswith("UNAUTHORIZED: RunPod refused the API key")


@pytest.mark.parametrize("line", SHELL)
def test_a_command(fake: Any, folder: Path, line: str) -> None:
    if line.startswith("faceswap verify"):
        (folder / "out.jpg").write_bytes((folder / "me.jpg").read_bytes())
    script = str(Path(sys.executable).with_name("faceswap"))
    done = run(["sh", "-ec", line.replace("faceswap", script, 1)], folder, FACESWAP_SERVER=fake.grpc_address)
    unmarked = 13
    assert done.returncode == (unmarked if "verify" in line else 0), done.stderr


def test_the_table_has_every_class_of_errors() -> None:
    def names(cls: type[FaceSwapError]) -> set[str]:
        return {cls.__name__}.union(*(names(each) for each in cls.__subclasses__()))

    listed = re.findall(r"^\| `(\w+)`(?: \(an? `(\w+)`\))? \|", README, re.MULTILINE)
    assert {name for name, _ in listed} == names(FaceSwapError) - {"FaceSwapError"}
    for name, base in listed:
        assert getattr(faceswap_client, name).__base__.__name__ == (base or "FaceSwapError")
