"""The types and tests of client/typescript, run by node against its stand-in of RunPod's API."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.paths import ROOT

FOLDER = ROOT / "client" / "typescript"


def test_the_route_by_its_own_tests() -> None:
    done = subprocess.run(["sh", FOLDER / "run_tests.sh"], capture_output=True, text=True, timeout=900, check=False)
    if done.returncode == 0 and "skipped, " in done.stdout:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    passed = re.search(r"^. pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed, done.stdout[-2000:]
    assert int(passed[1]) > 90, "node ran fewer tests than there are"
