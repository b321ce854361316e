"""Files the pack tests work on: architecture twins, and real ones where they lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest
from faceswap_tools.architecture_twins import build_twins

SHARED_MODELS = Path(__file__).parents[2] / "../shared/models"


def shared_model(name: str) -> Path:
    """A real file beside the checkout; skips the test where there is none."""
    path = SHARED_MODELS / name
    if not path.exists():
        pytest.skip(f"{name} is not in ../shared/models beside the checkout, so it cannot be tried on the real file")
    return path


@pytest.fixture(scope="session")
def detector_twin() -> Path:
    """The SCRFD-10GF twin, from the user's cache or built there."""
    return build_twins(names=["det_10g"])["det_10g"]


@pytest.fixture(scope="session")
def recogniser_twin() -> Path:
    """The IResNet-50 twin."""
    return build_twins(names=["w600k_r50"])["w600k_r50"]


@pytest.fixture(scope="session")
def swapper_twin() -> Path:
    """The inswapper twin: 554 MB, about 2 s a run on two cores."""
    return build_twins(names=["inswapper_128"])["inswapper_128"]


@pytest.fixture(scope="session")
def det_500m() -> Path:
    """InsightFace's real det_500m."""
    return shared_model("det_500m.onnx")


@pytest.fixture(scope="session")
def scrfd_2_5g() -> Path:
    """A real SCRFD 2.5G from another exporter."""
    return shared_model("scrfd_2.5g_kps.onnx")
