"""docs/deploy/security.md: models, variables and targets that it names exist."""

from __future__ import annotations

import re

from faceswap_contract.environment import VARIABLES
from faceswap_contract.errors import ERRORS
from faceswap_contract.names import ENSEMBLES
from support.paths import ROOT

PAGE = (ROOT / "docs" / "deploy" / "security.md").read_text()


def test_every_public_model_is_named() -> None:
    assert all(f"`{model}`" in PAGE for model in ENSEMBLES)


def test_variables_exist() -> None:
    named = set(re.findall(r"`(FACESWAP_[A-Z_]+[A-Z])`", PAGE))
    assert named
    assert named <= set(VARIABLES)


def test_codes_exist() -> None:
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+|UNAUTHORIZED|INTERNAL)`", PAGE))
    assert {code for code in named if not code.startswith(("FACESWAP_", "_"))} <= set(ERRORS)


def test_the_index_links_here() -> None:
    assert "(deploy/security.md)" in (ROOT / "docs" / "index.md").read_text()
