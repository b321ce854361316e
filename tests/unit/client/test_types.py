"""What a caller's type checker says about calls with options: run by mypy itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CALLS = """\
import asyncio
from typing_extensions import assert_type

from faceswap_client import Analysis, AsyncClient, Client, SwapResult

client, aclient = Client("127.0.0.1:1"), AsyncClient("127.0.0.1:1")


async def swaps() -> None:
    assert_type(client.swap(b"s", b"t", blend="exact", target_faces=[0, 2], timeout=3, label_size=0.1), SwapResult)
    assert_type(await aclient.swap(b"s", b"t", source_face="largest", target_faces="all", max_side=None), SwapResult)
    assert_type(client.faces(b"i", max_faces=3, detection_threshold=0.4), Analysis)
    client.swap(b"s", b"t", blnd="exact")  # wrong: Unexpected keyword argument "blnd"
    client.swap(b"s", b"t", blend="exactly")  # wrong: has incompatible type
    client.swap(b"s", b"t", max_faces="3")  # wrong: has incompatible type
    await aclient.swap(b"s", b"t", labels="off")  # wrong: Unexpected keyword argument "labels"
    await aclient.faces(b"i", blend="exact")  # wrong: Unexpected keyword argument "blend"
    client.identity(b"i", source_face="smallest")  # wrong: has incompatible type
"""


def test_mypy_passes_right_options_and_refuses_wrong_ones(tmp_path: Path) -> None:
    program = tmp_path / "caller.py"
    program.write_text(CALLS)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10", "--no-error-summary"]
    command += ["--config-file", "", "--cache-dir", str(tmp_path / "cache"), "--follow-imports", "silent", str(program)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    found = dict(re.findall(r"^caller\.py:(\d+): error: (.*)$", result.stdout, re.MULTILINE))
    expected = {
        str(number): line.partition("# wrong: ")[2]
        for number, line in enumerate(CALLS.splitlines(), 1)
        if "# wrong: " in line
    }
    assert set(found) == set(expected), result.stdout + result.stderr
    for number, words in expected.items():
        assert words in found[number]
