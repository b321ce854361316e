"""Sample photographs from installed packages (scikit-image, insightface); the repository holds none."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from faceswap_server.triton import SetupError


def astronaut() -> Path:
    """Portrait of Eileen Collins, NASA, public domain, 512x512; from scikit-image."""
    return _bundled("skimage", "data/astronaut.png")


def six_people() -> Path:
    """Six people, 1280x886; insightface's own sample `t1.jpg`."""
    return _bundled("insightface", "data/images/t1.jpg")


def _bundled(package: str, relative: str) -> Path:
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        path = Path(location) / relative
        if path.is_file():
            return path
    raise SetupError(f"{package} does not carry {relative}; run `make setup`")
