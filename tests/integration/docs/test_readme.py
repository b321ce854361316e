"""Every code block of the README runs, and its tables say what the code says."""

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
from faceswap_core.errors import all_errors
from faceswap_core.limits import Limits
from faceswap_core.options import Options
from faceswap_models.checkout import Checkout
from faceswap_server.triton import TritonServer
from PIL import Image
from support.paths import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = [(kind, code) for kind, code in re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)]
MAKE_BLOCKS = [code for kind, code in BLOCKS if kind == "sh" and code.startswith("make ")]
SHELL_BLOCKS = [code for kind, code in BLOCKS if kind == "sh" and not code.startswith("make ")]
PYTHON_BLOCKS = [code for kind, code in BLOCKS if kind == "python"]
HTTP_CODES = {"INVALID_ARG": 400, "CANCELLED": 400, "UNSUPPORTED": 501, "UNAVAILABLE": 503, "INTERNAL": 500}


@pytest.fixture
def folder(tmp_path: Path, portrait: Path, group: Path) -> Path:
    """A user's folder with me.jpg and group.jpg."""
    with Image.open(portrait) as image:
        image.convert("RGB").save(tmp_path / "me.jpg", quality=95)
    shutil.copy(group, tmp_path / "group.jpg")
    return tmp_path


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def with_ports(code: str, server: TritonServer) -> str:
    return code.replace("127.0.0.1:8000", f"127.0.0.1:{server.http_port}").replace(
        "127.0.0.1:8001", server.grpc_address
    )


def environment(server: TritonServer) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "FACESWAP_SERVER": server.grpc_address}


def test_the_kinds_of_blocks_are_known() -> None:
    assert {kind for kind, _ in BLOCKS} <= {"sh", "python", ""}, "a block of another kind would not be run"
    assert MAKE_BLOCKS
    assert SHELL_BLOCKS
    assert PYTHON_BLOCKS


@pytest.mark.parametrize("code", PYTHON_BLOCKS, ids=lambda code: code.split("\n", 1)[0])
def test_python_blocks_run(code: str, folder: Path, server: TritonServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", with_ports(code, server)],
        cwd=folder, env=environment(server), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for written in re.findall(r'"(swapped\.\w+)"', code):
        assert size_of(folder / written) == (1280, 886)


@pytest.mark.parametrize("code", SHELL_BLOCKS, ids=lambda code: code.split("\n", 1)[0])
def test_shell_blocks_run(code: str, folder: Path, server: TritonServer) -> None:
    if "curl" in code and shutil.which("curl") is None:
        pytest.skip("curl is not installed on this machine")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", with_ports(code, server)],
        cwd=folder, env=environment(server), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for written in re.findall(r"(?:-o |--draw |> )([\w]+\.(?:jpg|png))", code):
        assert size_of(folder / written) == (1280, 886)


def test_make_demo_and_make_serve_do_what_they_say(server: TritonServer, tmp_path: Path) -> None:
    """`server` is asked for so that the machine is warm; the demo starts its own."""
    (block,) = MAKE_BLOCKS
    targets = re.findall(r"^make (\w+)", block, re.MULTILINE)
    assert targets == ["demo", "serve"]
    for name in ("demo.jpg", "demo_compare.jpg"):
        (ROOT / "out" / name).unlink(missing_ok=True)
    demo = subprocess.run(["make", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert demo.returncode == 0, demo.stderr
    assert len(re.findall(r"^face \d", demo.stdout, re.MULTILINE)) == 6
    assert size_of(ROOT / "out" / "demo.jpg") == (1280, 886)
    assert size_of(ROOT / "out" / "demo_compare.jpg")[0] > 1800
    serve_on_any_port(tmp_path)


def serve_on_any_port(tmp_path: Path) -> None:
    arguments = ["serve", "--http-port=0", "--grpc-port=0", "--metrics-port=0", f"--log={tmp_path / 'server.log'}"]
    command = [str(Path(sys.executable).parent / "faceswap"), *arguments]
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


def table(name: str) -> list[list[str]]:
    """Cells of the rows between <!-- name --> and <!-- /name -->, without the head."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert found
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found.group(1).strip().splitlines()]
    return rows[2:]


def test_the_table_of_options_is_the_code() -> None:
    special = {"source_face": "largest", "target_faces": "all", "max_side": "as it is"}
    expected = []
    for name, field in Options.model_fields.items():
        default = special.get(name, getattr(field.default, "value", field.default))
        expected.append([f"`{name}`", f"`{default}`", str(field.description)])
    assert table("options") == expected


def test_the_table_of_limits_is_the_code() -> None:
    expected = []
    for name, field in Limits.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        expected.append([f"`FACESWAP_{name.upper()}`", default, str(field.description)])
    assert table("limits") == expected


def test_the_table_of_errors_is_the_code() -> None:
    rows = {row[0].strip("`"): row for row in table("errors")}
    errors = all_errors()
    assert set(rows) == set(errors)
    for code, error in errors.items():
        assert rows[code][1] == str(HTTP_CODES[error.status.value]), code
        assert rows[code][2] == (error.__doc__ or "").split("\n")[0], code


def test_the_checkout_is_this_one() -> None:
    assert Checkout.find().root == ROOT
