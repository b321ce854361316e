"""The exact architectures of InsightFace's networks with random weights.

A twin costs what the real network costs (same operators, shapes, order and number of weights) and
carries nobody's training. Graph surgery is tested on twins and the service is timed with them.

    python -m faceswap_tools.architecture_twins DIRECTORY
"""

from faceswap_tools.architecture_twins.build import (
    TWIN_NAMES,
    TWIN_VERSION,
    build_twins,
    default_twin_directory,
)
from faceswap_tools.architecture_twins.published_facts import (
    PUBLISHED,
    PublishedFacts,
    TwinMismatchError,
    count_parameters,
)

__all__ = [
    "PUBLISHED",
    "TWIN_NAMES",
    "TWIN_VERSION",
    "PublishedFacts",
    "TwinMismatchError",
    "build_twins",
    "count_parameters",
    "default_twin_directory",
]
