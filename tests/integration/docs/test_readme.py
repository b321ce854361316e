"""Every code block of the README runs as it is written, in a checkout where `make demo` has run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from faceswap_models.checkout import Checkout
from faceswap_server.triton import TritonServer
from faceswap_tools.demo import write_example_images
from PIL import Image
from support.paths import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = [(kind, code) for kind, code in re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)]
MAKE_BLOCKS = [code for kind, code in BLOCKS if kind == "sh" and code.startswith("make ")]
SHELL_BLOCKS = [code for kind, code in BLOCKS if kind == "sh" and not code.startswith("make ")]
PYTHON_BLOCKS = [code for kind, code in BLOCKS if kind == "python"]
TARGET_SIZE = (1280, 886)
IMAGES = ROOT / "examples" / "images"
VENV = Path(sys.executable).parent


@pytest.fixture
def after_demo() -> None:
    """What `make demo` leaves behind; that it does is a test of its own."""
    shutil.rmtree(IMAGES, ignore_errors=True)
    write_example_images(IMAGES)
    (ROOT / "out").mkdir(exist_ok=True)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def with_ports(code: str, server: TritonServer) -> str:
    return code.replace("127.0.0.1:8000", f"127.0.0.1:{server.http_port}").replace(
        "127.0.0.1:8001", server.grpc_address
    )


def run(command: list[str], server: TritonServer) -> str:
    """Runs in the checkout, with nothing of this process on the path; returns what it printed."""
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != str(VENV))
    environment = os.environ | {"PATH": path, "FACESWAP_SERVER": server.grpc_address}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_kinds_of_blocks_are_known() -> None:
    assert {kind for kind, _ in BLOCKS} <= {"sh", "python", ""}, "a block of another kind would not be run"
    assert len(MAKE_BLOCKS) == 2
    assert SHELL_BLOCKS
    assert PYTHON_BLOCKS


@pytest.mark.usefixtures("after_demo")
@pytest.mark.parametrize("code", PYTHON_BLOCKS, ids=lambda code: code.split("\n", 1)[0])
def test_python_blocks_run(code: str, server: TritonServer, tmp_path: Path) -> None:
    saved = re.findall(r'save\("(out/\w+\.jpg)"\)', code)
    assert saved
    for name in saved:
        (ROOT / name).unlink(missing_ok=True)
    (tmp_path / "swap.py").write_text(with_ports(code, server))
    printed = run([sys.executable, str(tmp_path / "swap.py")], server)
    assert "print(" not in code or "6 of 6 faces swapped" in printed
    for name in saved:
        assert size_of(ROOT / name) == TARGET_SIZE


@pytest.mark.usefixtures("after_demo")
@pytest.mark.parametrize("code", SHELL_BLOCKS, ids=lambda code: code.split("\n", 1)[0])
def test_shell_blocks_run(code: str, server: TritonServer) -> None:
    written = re.findall(r"(?:-o |--draw |> )([\w/]+\.(?:jpg|png))", code)
    assert written
    run(["sh", "-euc", with_ports(code, server)], server)
    for name in written:
        assert size_of(IMAGES / name) == TARGET_SIZE


def make(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """make as a user calls it, also where make runs these tests: its variables would be inherited."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "ARGS")}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def test_make_demo_and_make_serve_do_what_they_say(server: TritonServer, tmp_path: Path) -> None:
    """`server` is asked for so that the machine is warm; the demo starts its own."""
    targets = re.findall(r"^make ([\w-]+)", "".join(MAKE_BLOCKS), re.MULTILINE)
    assert targets == ["demo", "test", "serve"]
    shutil.rmtree(IMAGES, ignore_errors=True)
    for name in ("demo.jpg", "demo_compare.jpg"):
        (ROOT / "out" / name).unlink(missing_ok=True)
    demo = make("demo", timeout=900)
    assert demo.returncode == 0, demo.stderr
    assert len(re.findall(r"^face \d", demo.stdout, re.MULTILINE)) == 6
    assert size_of(ROOT / "out" / "demo.jpg") == TARGET_SIZE
    assert size_of(ROOT / "out" / "demo_compare.jpg")[0] > 1800
    assert {path.name for path in IMAGES.iterdir()} == {"me.jpg", "group.jpg", "you.jpg"}
    serve_on_any_port(tmp_path)


def test_make_test_runs_the_tests() -> None:
    """Only what it would run: these tests are part of it."""
    planned = make("-n", "test").stdout
    assert re.search(r"-m pytest\b", planned)


def serve_on_any_port(tmp_path: Path) -> None:
    arguments = ["serve", "--http-port=0", "--grpc-port=0", "--metrics-port=0", f"--log={tmp_path / 'server.log'}"]
    command = [str(VENV / "faceswap"), *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        lines = []
        for line in serving.stderr:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        url = next(line.split()[1] for line in lines if line.startswith("HTTP"))
        assert httpx.get(f"{url}/v2/models/face_swap/ready", trust_env=False, timeout=60).status_code == 200
        serving.send_signal(signal.SIGINT)
        serving.communicate(timeout=60)
    assert serving.returncode == 0


def test_the_images_of_the_readme_show_two_photographs_in_the_public_domain() -> None:
    """The mark of a swap is in the committed image, and its origins are written beside it."""
    from faceswap_core.provenance.xmp.read_back import xmp_packets

    committed = sorted(path.name for path in (ROOT / "docs" / "images").iterdir())
    assert committed == ["README.md", "comparison.jpg"]
    (xmp,) = xmp_packets((ROOT / "docs" / "images" / "comparison.jpg").read_bytes())
    assert b"compositeWithTrainedAlgorithmicMedia" in xmp


def test_the_checkout_is_this_one() -> None:
    assert Checkout.find().root == ROOT
