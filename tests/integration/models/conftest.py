"""Files the pack tests work on: architecture twins, and real ones where they lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest
from faceswap_tools.random_weights import build_random_weights
from support.paths import ROOT

SHARED_MODELS = ROOT / "../shared/models"


def shared_model(name: str) -> Path:
    """A real file beside the checkout; skips the test where there is none."""
    path = SHARED_MODELS / name
    if not path.exists():
        pytest.skip(f"{name} is not in ../shared/models beside the checkout, so it cannot be tried on the real file")
    return path


@pytest.fixture(scope="session")
def random_detector() -> Path:
    """The SCRFD-10GF twin, from the user's cache or built there."""
    return build_random_weights(names=["det_10g"])["det_10g"]


@pytest.fixture(scope="session")
def random_recogniser() -> Path:
    """The IResNet-50 twin."""
    return build_random_weights(names=["w600k_r50"])["w600k_r50"]


@pytest.fixture(scope="session")
def random_swapper() -> Path:
    """The inswapper twin: 554 MB, about 2 s a run on two cores."""
    return build_random_weights(names=["inswapper_128"])["inswapper_128"]


@pytest.fixture(scope="session")
def det_500m() -> Path:
    """InsightFace's real det_500m."""
    return shared_model("det_500m.onnx")


@pytest.fixture(scope="session")
def scrfd_2_5g() -> Path:
    """A real SCRFD 2.5G from another exporter."""
    return shared_model("scrfd_2.5g_kps.onnx")
