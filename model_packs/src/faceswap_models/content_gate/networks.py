"""Content gate networks: the placeholder that means "no gate", and a classifier for tests."""

from __future__ import annotations

import numpy as np
import onnx
from faceswap_core.provenance.gate.decision import GateConfig
from onnx import TensorProto, numpy_helper

from faceswap_models.offline.graph import GraphWriter

SIDE = 224
MEAN = (104.0, 117.0, 123.0)

STAND_IN = GateConfig(
    size=SIDE,
    crop_from=256,
    jpeg_quality=75,
    scale=1,
    mean=MEAN,
    channels="BGR",
    layout="NHWC",
    classes=("plain", "magenta"),
    refused=frozenset({"magenta"}),
    scores="probabilities",
    threshold=0.8,
)
"""Settings of `build_stand_in`: input and output are exactly open_nsfw's, the judgement is not."""


def build_placeholder() -> onnx.ModelProto:
    """Builds the placeholder: NaN scores, one per image, which mean that there is no gate.

    Inputs: `image` uint8 [N, height, width, 3], `scores_32` float32 [N, 800, 1], neither read.
    Output: `scores` float32 [N, 1], NaN, which is not a permission where a gate is installed.
    """
    graph = GraphWriter("content_gate")
    image = graph.input("image", TensorProto.UINT8, ["N", "height", "width", 3])
    graph.input("scores_32", TensorProto.FLOAT, ["N", 800, 1])
    batch = graph.slice(graph.apply("Shape", image), 0, 1, 0)
    shape = graph.apply("Concat", batch, graph.integers(1), axis=0)
    nothing = numpy_helper.from_array(np.full(1, np.nan, np.float32))
    scores = graph.apply("ConstantOfShape", shape, value=nothing)
    graph.output(scores, "scores", TensorProto.FLOAT, ["N", "classes"])
    return graph.model("There is no content gate: scores that are not numbers.", {"stand_in": "true"})


def build_stand_in() -> onnx.ModelProto:
    """Builds a classifier that refuses magenta, in the form in which one is published; for tests.

    Input: `input` float32 [N, 224, 224, 3], BGR less `MEAN`, as open_nsfw takes it.
    Output: `probabilities` float32 [N, 2]: plain, magenta. Half of the image in magenta is even odds.
    """
    graph = GraphWriter("magenta_classifier")
    pixels = graph.input("input", TensorProto.FLOAT, ["N", SIDE, SIDE, 3])
    pixels = graph.apply("Add", pixels, graph.constant(np.array(MEAN, np.float32)))
    blue, green, red = (graph.slice(pixels, channel, channel + 1, 3) for channel in range(3))
    # blue has more weight than red, so that a wrong channel order is noticed
    parts = (graph.apply("Mul", blue, graph.number(0.75)), graph.apply("Mul", red, graph.number(0.25)))
    excess = graph.apply("Sub", graph.apply("Add", *parts), green)
    share = graph.apply("Mul", graph.apply("Relu", excess), graph.number(1 / 255))
    mean = graph.apply("ReduceMean", share, axes=[1, 2, 3], keepdims=0)
    logit = graph.apply("Mul", graph.apply("Sub", mean, graph.number(0.5)), graph.number(20.0))
    magenta = graph.apply("Reshape", graph.apply("Sigmoid", logit), graph.integers(-1, 1))
    both = graph.apply("Concat", graph.apply("Sub", graph.number(1.0), magenta), magenta, axis=1)
    graph.output(both, "probabilities", TensorProto.FLOAT, ["N", 2])
    return graph.model("Refuses magenta images: a stand-in for a classifier, for tests.", {"stand_in": "true"})
