"""docs/deploy/security.md: its tables are the code's."""

from __future__ import annotations

import re

from faceswap_server.http import FrontSettings
from faceswap_server.http.http_error import STATUS_BY_CODE
from faceswap_server.http.kserve_proxy import PUBLIC_MODELS
from support.paths import ROOT

PAGE = (ROOT / "docs" / "deploy" / "security.md").read_text()


def table(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", PAGE, re.DOTALL)
    assert found
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in found.group(1).strip().splitlines()]
    return rows[2:]


def test_limits() -> None:
    expected = [
        [f"FACESWAP_FRONT_{name.upper()}", str(field.default), str(field.description)]
        for name, field in FrontSettings.model_fields.items()
    ]
    assert table("limits") == expected


def test_refusals() -> None:
    assert [(row[0], int(row[1])) for row in table("refusals")] == list(STATUS_BY_CODE.items())


def test_models_and_targets_are_named() -> None:
    assert all(f"`{model}`" in PAGE for model in PUBLIC_MODELS)
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"\n{target}:" in makefile for target in re.findall(r"`make (\w+)`", PAGE))


def test_the_index_links_here() -> None:
    assert "(deploy/security.md)" in (ROOT / "docs" / "index.md").read_text()
