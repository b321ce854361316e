"""The README stays one that is read: its length, and the state of things on its first screen."""

from __future__ import annotations

from support.paths import ROOT

LINES = (ROOT / "README.md").read_text().splitlines()


def test_length() -> None:
    assert len(LINES) <= 130
    assert max(map(len, LINES)) <= 120


def test_the_first_screen_says_what_has_never_run() -> None:
    first_screen = "\n".join(LINES[:20])
    assert first_screen.count("**never run") == 2, "the GPU, and InsightFace's own weights"
    assert "**no engine has built it**" in first_screen
    assert "**no account was used**" in first_screen
