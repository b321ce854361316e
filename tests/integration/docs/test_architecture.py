"""ARCHITECTURE.md: following one request takes no more changes of modules than it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from support.paths import ROOT

ROW = re.compile(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


def test_the_walk_is_not_longer_than_the_page_says(offline_repository: Path) -> None:
    page = {step: tuple(map(int, numbers)) for step, *numbers in ROW.findall((ROOT / "ARCHITECTURE.md").read_text())}
    walked = subprocess.run(
        [sys.executable, "-m", "faceswap_tools.module_walk", "--repository", str(offline_repository)],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=300,
    ).stdout  # fmt: skip
    measured = {step: tuple(map(int, numbers)) for step, *numbers in ROW.findall(walked)}
    assert set(measured) == set(page) == {"decode_images", "align_faces", "paste_faces"}
    for step, (stays, rooms, returns) in measured.items():
        assert stays == rooms + returns
        assert stays <= page[step][0], f"{step}: {stays} stays; python -m faceswap_tools.module_walk --show"
        assert returns <= page[step][2], f"{step}: {returns} returns"
