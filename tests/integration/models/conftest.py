"""Networks that the model pack tests work on: random-weight ones, and real ones from FACESWAP_TEST_MODELS."""

from __future__ import annotations

from pathlib import Path

import pytest
from faceswap_tools.random_weights import build_random_weights
from support.real_models import real_model


@pytest.fixture(scope="session")
def random_detector() -> Path:
    """SCRFD-10GF with random weights, from the user's cache or built there."""
    return build_random_weights(names=["det_10g"])["det_10g"]


@pytest.fixture(scope="session")
def random_recogniser() -> Path:
    """IResNet-50 with random weights."""
    return build_random_weights(names=["w600k_r50"])["w600k_r50"]


@pytest.fixture(scope="session")
def random_swapper() -> Path:
    """inswapper_128 with random weights: 554 MB, about 2 s a run on two cores."""
    return build_random_weights(names=["inswapper_128"])["inswapper_128"]


@pytest.fixture(scope="session")
def det_500m() -> Path:
    """InsightFace's real det_500m."""
    return real_model("det_500m.onnx")


@pytest.fixture(scope="session")
def scrfd_2_5g() -> Path:
    """A real SCRFD 2.5G from another exporter."""
    return real_model("scrfd_2.5g_kps.onnx")
