"""docs/deploy/runpod.md says what the code says: every variable and error, and links that lead somewhere."""

from __future__ import annotations

import re

import pytest
from faceswap_core.limits import Limits
from faceswap_server.runpod.settings import WorkerSettings, variable_name
from support.paths import ROOT

PAGE = ROOT / "docs" / "deploy" / "runpod.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text()


def test_every_environment_variable(page: str) -> None:
    for name, field in WorkerSettings.model_fields.items():
        default = "" if field.default is None else f"`{getattr(field.default, 'value', field.default)}`"
        default = default.lower() if isinstance(field.default, bool) else default
        assert f"| `{variable_name(name)}` | {default} | {field.description} |" in page
    for name in ("max_image_pixels", "max_image_side"):
        assert f"| `FACESWAP_{name.upper()}` | `{Limits.model_fields[name].default}` |" in page


def test_links_lead_somewhere(page: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page) if "://" not in link]
    assert links
    for link in links:
        assert (PAGE.parent / link).exists(), link


def test_limits_the_worker_and_the_server_both_read_have_the_same_defaults() -> None:
    for name in ("max_image_bytes", "max_sources"):
        assert WorkerSettings.model_fields[name].default == Limits.model_fields[name].default


def test_the_ladder_and_its_exit_code(page: str) -> None:
    from faceswap_server.doctor.all_checks import CHECKS
    from faceswap_server.doctor.command import EXIT_BROKEN

    assert f"\n{EXIT_BROKEN} a rung is broken." in page
    assert re.findall(r"^\| `([a-z]+)` \| ", page.split("### When it does not work")[1], re.MULTILINE)[
        : len(CHECKS)
    ] == list(CHECKS)
