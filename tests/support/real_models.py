"""Published networks that some tests try beside the random-weight ones, from the folder FACESWAP_TEST_MODELS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "FACESWAP_TEST_MODELS"


def real_model(name: str) -> Path:
    """Path of a published network; skips the test where the folder or the file is not there."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} is not set: set it to a folder with {name} (CONTRIBUTING.md)")
    path = Path(folder) / name
    if not path.is_file():
        pytest.skip(f"{VARIABLE} names a folder without {name} (CONTRIBUTING.md)")
    return path
