"""Every document: links, anchors, `make` targets and files that it names exist, and its words are the field's."""

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
TOP_FOLDERS = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
PATH = re.compile(rf"`((?:{'|'.join(map(re.escape, TOP_FOLDERS))})/[^`\s]*)`")
MADE = ("out/", "examples/images")
"""What commands write."""
WORDS = re.compile(
    r"\b(?:in turn|nobody's business|let fall|of ours|wears? whom|has had (?:its|their) say|once more"
    r"|turned away|its kin|at hand|for a desk|rungs?|ladder|twins?|gave up|given up|lost patience"
    r"|what was carried|pictures?|doorkeeper|worked on)\b",
    re.IGNORECASE,
)
"""Words that a reader of the field would have to translate."""
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


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_exist(document: Path) -> None:
    if any(name(document).startswith(part) for part in HISTORY):
        return
    for path in PATH.findall(document.read_text()):
        if path.startswith(MADE) or "NAME" in path or "{" in path:
            continue
        assert any(ROOT.glob(path.rstrip("/"))), f"{path}: no such file"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_words(document: Path) -> None:
    if name(document) == "CHANGELOG.md":  # the upgrade table names old words
        return
    assert WORDS.findall(document.read_text()) == []


def test_the_index_of_decision_records_is_the_folder() -> None:
    folder = ROOT / "docs" / "adr"
    listed = re.findall(
        r"^\| \[(\d{4})\]\((\S+)\) \| (.+?) \| ([0-9-]+) \|$", (folder / "README.md").read_text(), re.MULTILINE
    )
    expected = []
    for path in sorted(folder.glob("[0-9]*.md")):
        text = path.read_text()
        title = re.search(r"\A# (\d{4}): (.+)$", text, re.MULTILINE)
        date = re.search(r"^Date: ([0-9-]+)", text, re.MULTILINE)
        assert title, path
        assert date, path
        assert title[1] == path.name[:4]
        expected.append((path.name[:4], path.name, title[2], date[1]))
    assert listed == expected
