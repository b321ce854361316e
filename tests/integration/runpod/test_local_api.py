"""`python -m faceswap_tools.fakes.control_plane`: the fake RunPod API with a worker, as a developer starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
from faceswap_client import RunPodClient
from faceswap_server.supervision.swap_probe import probe_image
from support.paths import ROOT


def test_a_client_of_runpod_swaps_against_it_and_ctrl_c_leaves_nothing(stub: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RUNPOD_", "FACESWAP_"))}
    environment |= {"FACESWAP_MODEL_REPOSITORY": str(stub), "FACESWAP_TRITON": "bundled", "FACESWAP_WARM_UP": "1"}
    command = [sys.executable, "-m", "faceswap_tools.fakes.control_plane", "--port=0", f"--log={tmp_path / 'log'}"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as fake:
        assert fake.stdout is not None
        try:
            said = ""
            while "A first job" not in said:
                line = fake.stdout.readline()
                assert line, (tmp_path / "log").read_text()[-3000:]
                said += line
            base_url, endpoint, key = re.findall(r"^  (?:base URL|endpoint|API key) +(\S+)", said, re.MULTILINE)
            family = psutil.Process(fake.pid).children(recursive=True)
            assert any("faceswap_server.runpod" in each.cmdline() for each in family)
            with RunPodClient(endpoint, key, base_url=base_url) as client:
                assert client.swap(probe_image(), probe_image()).image == probe_image(), "the stub returns the target"
            run_the_pages_snippet(base_url, tmp_path)
            assert (tmp_path / "out.jpg").read_bytes() == probe_image()
        finally:
            fake.send_signal(signal.SIGTERM)
        assert fake.wait(90) == 0
    assert psutil.wait_procs(family, timeout=30)[1] == []


def run_the_pages_snippet(base_url: str, folder: Path) -> None:
    """docs/deploy/runpod.md, "make runpod-fake": what it has a reader run, with this test's port."""
    page = (ROOT / "docs" / "deploy" / "runpod.md").read_text()
    snippet = re.search(r"<<'PY'\n((?: {4}.*\n)*?) {4}PY\n", page[page.index("make runpod-fake") :])
    assert snippet is not None
    code = textwrap.dedent(snippet[1])
    assert "http://127.0.0.1:8020/v2" in code
    images = folder / "examples" / "images"
    images.mkdir(parents=True)
    for name in ("me.jpg", "group.jpg"):
        (images / name).write_bytes(probe_image())
    code = code.replace("http://127.0.0.1:8020/v2", base_url)
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, timeout=120)


def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RUNPOD_", "FACESWAP_"))}
    environment |= {"FACESWAP_MODEL_REPOSITORY": str(tmp_path / "nothing"), "FACESWAP_TRITON": "bundled"}
    command = [sys.executable, "-m", "faceswap_tools.fakes.control_plane", "--port=0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode not in (0, 1)
    assert str(tmp_path / "nothing") in done.stderr
    assert "Traceback" not in done.stderr
