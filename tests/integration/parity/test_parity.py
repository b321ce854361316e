"""The short form of `make parity`: insightface itself against the served ensemble, on one photograph.

With insightface's det_500m where FACESWAP_TEST_MODELS names a folder with it; elsewhere insightface's detector code
runs on the offline pack's CenterFace. Recogniser and swapper have random weights.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from faceswap_models.checkout import Checkout
from faceswap_tools.parity.__main__ import parity_rows
from faceswap_tools.parity.cases import CASES, SHORT
from faceswap_tools.parity.graph_edits import graph_edit_rows
from faceswap_tools.parity.networks import DETECTOR, ParityNetworks, prepare_networks
from faceswap_tools.parity.result import ParityRow, at_least, at_most
from support.real_models import VARIABLE


@pytest.fixture(scope="module")
def networks(checkout: Checkout) -> ParityNetworks:
    detector = Path(os.environ.get(VARIABLE, "")) / "det_500m.onnx"
    return prepare_networks(checkout.packs, detector if detector.is_file() else None, None, None)


def test_a_row_knows_when_its_bound_is_broken() -> None:
    assert at_most("x", 2.0, "levels", 2).ok
    assert not at_most("x", 2.1, "levels", 2).ok
    assert at_least("x", 0.999999, "", 0.999999).ok
    assert not at_least("x", 0.99, "", 0.999999).ok
    assert not at_most("x", float("nan"), "", 1).ok
    assert json.loads(json.dumps(at_most("x", 1, "px", 2).value)) == 1.0


def test_every_case_has_its_own_image() -> None:
    images = [case.image() for case in CASES]
    assert len({(*image.shape, int(image.sum())) for image in images}) == len(CASES) == 7
    assert max(image.shape[1] for image in images) == 3840


@pytest.mark.timeout(900)
def test_the_prepared_networks_are_the_untouched_ones(networks: ParityNetworks) -> None:
    rows = list(graph_edit_rows(networks, None, short=True))
    assert {row.name.split()[1] for row in rows} == set(networks.originals)
    assert broken(rows) == []


@pytest.mark.timeout(900)
def test_the_served_ensemble_gives_insightfaces_pixels(networks: ParityNetworks) -> None:
    rows = list(parity_rows(networks, SHORT))
    names = " ".join(row.name for row in rows)
    for what in ("boxes", "landmarks", "scores", "embeddings", "latent", "swapped crops", "exact", "fast", "outside"):
        assert what in names
    assert broken(rows) == []
    assert DETECTOR in networks.originals or "det_500m" not in str(networks.pack)


def broken(rows: list[ParityRow]) -> list[ParityRow]:
    return [row for row in rows if not row.ok]
