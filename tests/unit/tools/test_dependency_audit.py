"""The locks are pinned by hash, and an advisory database that says nothing is not taken for a good report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faceswap_tools.dependency_audit import DatabaseNotReached, Fault, faults_in, known_faults, lines_without_hashes
from support.paths import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_line_of_every_lock_has_hashes(lock: Path) -> None:
    text = lock.read_text()
    assert text.count("==") >= 2, "the smallest lock holds two packages"
    assert lines_without_hashes(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "a",
        "a==1",
        f"a>=1 {HASH}",
        f"a {HASH}",
        "a==1 --hash=sha256:12",
        "a==1 --hash=md5:" + "0" * 32,
        f"-r other.txt {HASH}",
        "git+https://example.org/a.git",
        f"https://example.org/a.whl {HASH}",
    ],
)
def test_a_loose_line_is_named(line: str) -> None:
    good = f"b==1.0 ; python_version < '3.11' \\\n    {HASH} \\\n    {HASH}\n"
    assert lines_without_hashes(f"# comment\n{good}{line}\n{good}") == [line.split(maxsplit=1)[0]]


def test_faults_are_read_from_pip_audits_report() -> None:
    known = {"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"], "aliases": []}]}
    fine = {"name": "b", "version": "1", "vulns": []}
    assert faults_in(json.dumps({"dependencies": [known, fine], "fixes": []})) == [Fault("a", "1", "X-1", ("2",))]
    assert str(Fault("a", "1", "X-1", ("2",))) == "a 1: X-1, fixed in 2"


def test_a_package_nobody_answered_about_is_not_a_good_one() -> None:
    report = {"dependencies": [{"name": "a", "skip_reason": "not found"}, {"name": "b", "version": "1", "vulns": []}]}
    with pytest.raises(DatabaseNotReached, match="1 of 2 packages"):
        faults_in(json.dumps(report))


@pytest.mark.parametrize("report", ["", "{}", "[]", '{"dependencies": [{"vulns": [1]}]}', "Traceback"])
def test_another_report_is_none(report: str) -> None:
    with pytest.raises(ValueError):
        faults_in(report)


def test_when_pip_audit_cannot_do_its_work_it_says_so(tmp_path: Path) -> None:
    """Not installed, or with nothing to read: no report either way."""
    with pytest.raises(DatabaseNotReached):
        known_faults(tmp_path / "no-such-lock.txt")
