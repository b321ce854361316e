"""Every document: relative links and their anchors exist, and every `make` target that is named is in the Makefile."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support.paths import ROOT

LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT, check=True, capture_output=True, text=True,
).stdout.splitlines()  # fmt: skip
DOCUMENTS = [ROOT / name for name in LISTED if (ROOT / name).is_file()]
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
MAKE = re.compile(r"(?:^|`|&& |; )make ([a-z][a-z-]*)", re.MULTILINE)
HISTORY = {"CHANGELOG.md", "docs/adr"}
"""Documents that name what is no longer there."""


def relative_links(document: Path) -> list[str]:
    """Targets of links and images that are not on another site, code left out."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text(), flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link and "mailto:" not in link]


def anchors(document: Path) -> set[str]:
    """The anchors that a forge makes of the headings: lower case, spaces to hyphens, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


def test_there_are_documents() -> None:
    assert {"README.md", "CHANGELOG.md"} <= {name(document) for document in DOCUMENTS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_relative_links_exist(document: Path) -> None:
    for link in relative_links(document):
        path, _, anchor = link.partition("#")
        goal = (document.parent / path).resolve() if path else document
        assert goal.exists(), f"{link}: no such file"
        assert goal.is_relative_to(ROOT), f"{link}: outside the repository"
        if anchor:
            assert anchor in anchors(goal), f"{link}: no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_make_targets_exist(document: Path) -> None:
    if any(name(document).startswith(part) for part in HISTORY):
        return
    named = set(MAKE.findall(document.read_text()))
    assert named <= TARGETS, f"not in the Makefile: {sorted(named - TARGETS)}"
