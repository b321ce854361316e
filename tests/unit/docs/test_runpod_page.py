"""docs/deploy/runpod.md: its checks and its links are the code's."""

from __future__ import annotations

import re

import pytest
from support.paths import ROOT

PAGE = ROOT / "docs" / "deploy" / "runpod.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text()


def test_links_lead_somewhere(page: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page) if "://" not in link]
    assert links
    for link in links:
        assert (PAGE.parent / link).exists(), link


def test_the_checks_and_their_exit_code(page: str) -> None:
    from faceswap_server.doctor.all_checks import CHECKS
    from faceswap_server.doctor.command import EXIT_BROKEN

    assert f"\n{EXIT_BROKEN} a check failed." in page
    assert re.findall(r"^\| `([a-z]+)` \| ", page.split("### When it does not work")[1], re.MULTILINE)[
        : len(CHECKS)
    ] == list(CHECKS)
