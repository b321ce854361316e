"""KServe's own Python client, installed into an environment of its own: gRPC works, REST cannot receive images."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faceswap_server.triton import TritonServer
from support.examples import run_example, size_of
from support.paths import ROOT

LOCK = ROOT / "requirements" / "kserve.txt"

REST = """
import asyncio, logging, sys
import numpy as np
from pathlib import Path
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
logging.disable(logging.CRITICAL)

def image_tensor(name, path):
    tensor = InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([Path(path).read_bytes()], dtype=np.object_))
    return tensor

async def main(url, source, target):
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=120))
    tensors = [image_tensor("SOURCE_IMAGE", source), image_tensor("TARGET_IMAGE", target)]
    outputs = [RequestedOutput("SWAPPED_IMAGE", {"binary_data": True})]
    request = InferRequest("face_swap", tensors, request_outputs=outputs)
    answer = await client.infer(url, request, model_name="face_swap")
    print(len(answer.outputs[0].as_numpy()[0]))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def kserve_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A python in which requirements/kserve.txt is installed (450 MB, most of a minute)."""
    folder = tmp_path_factory.mktemp("kserve") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--require-hashes"]
    done = subprocess.run([*pip, "-r", LOCK], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"pip cannot install {LOCK.name}:\n{done.stderr[-2000:]}"
    return python


@pytest.fixture
def folder(tmp_path: Path, portrait: Path, group: Path) -> Path:
    shutil.copy(portrait, tmp_path / "me.png")
    shutil.copy(group, tmp_path / "group.jpg")
    (tmp_path / "page.jpg").write_bytes(b"<html>not an image</html>")
    return tmp_path


def test_kserves_grpc_client_gets_the_swapped_image(kserve_python: str, folder: Path, server: TritonServer) -> None:
    arguments = ["me.png", "group.jpg", "out.png", server.grpc_address]
    done = run_example("kserve_grpc.py", *arguments, cwd=folder, python=kserve_python)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out.png: 6 of 6 faces swapped\n"
    assert size_of(folder / "out.png") == ("PNG", (1280, 886))


def test_a_refusal_reaches_kserves_grpc_client(kserve_python: str, folder: Path, server: TritonServer) -> None:
    arguments = ["me.png", "page.jpg", "out.png", server.grpc_address]
    done = run_example("kserve_grpc.py", *arguments, cwd=folder, python=kserve_python)
    assert done.returncode == 1
    assert done.stderr.startswith("INVALID_ARGUMENT: ")
    assert "NOT_AN_IMAGE: TARGET_IMAGE" in done.stderr
    assert not (folder / "out.png").exists()


def test_kserves_rest_client_still_cannot_receive_images(
    kserve_python: str, folder: Path, server: TritonServer
) -> None:
    """It decodes every BYTES output as UTF-8. When this fails, KServe has changed, and docs/protocol.md can too."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [kserve_python, "-c", REST, server.http_url, "me.png", "group.jpg"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "UnicodeDecodeError" in done.stderr, done.stderr[-2000:]
