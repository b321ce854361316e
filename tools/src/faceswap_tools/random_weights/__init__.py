"""Random-weight networks with the exact architectures of InsightFace's.

Such a network costs what the published one costs (same operators, shapes, order and number of weights) and holds no
training. ONNX graph edits are tested on them and the service is timed with them.

    python -m faceswap_tools.random_weights DIRECTORY
"""

from faceswap_models.onnx_graphs.published_facts import (
    PUBLISHED,
    GraphMismatchError,
    PublishedFacts,
    count_parameters,
)

from faceswap_tools.random_weights.build import (
    NETWORK_NAMES,
    RANDOM_WEIGHTS_VERSION,
    build_random_weights,
    default_random_weights_directory,
)

__all__ = [
    "NETWORK_NAMES",
    "PUBLISHED",
    "RANDOM_WEIGHTS_VERSION",
    "GraphMismatchError",
    "PublishedFacts",
    "build_random_weights",
    "count_parameters",
    "default_random_weights_directory",
]
