"""A classifier that goes wrong on request: what it is shown decides how."""

from __future__ import annotations

import numpy as np
import onnx
from faceswap_models.content_gate.networks import MEAN, SIDE, STAND_IN
from faceswap_models.offline.graph import GraphWriter
from onnx import TensorProto

MOODY = STAND_IN.model_copy(update={"jpeg_quality": None})
"""Solid colours stay what they are."""

MAGENTA, BLACK, GREEN, GREY = (255, 0, 255), (0, 0, 0), (0, 255, 0), (120, 120, 120)


def build_moody_classifier() -> onnx.ModelProto:
    """Refuses magenta as the stand-in does; scores for black are NaN; for green the network itself fails."""
    graph = GraphWriter("moody_classifier")
    mean = graph.constant(np.array(MEAN, np.float32))
    pixels = graph.apply("Add", graph.input("input", TensorProto.FLOAT, ["N", SIDE, SIDE, 3]), mean)
    blue, green, red = (_average(graph, graph.slice(pixels, channel, channel + 1, 3)) for channel in range(3))
    magenta = graph.apply("Relu", graph.apply("Sub", graph.apply("Min", blue, red), green))
    brightest = graph.apply("Max", blue, green, red)
    odds = graph.apply("Div", magenta, brightest)  # 0 / 0 for black
    greenish = graph.apply("Sub", green, graph.apply("Max", blue, red))
    index = graph.apply("Cast", graph.apply("Floor", _scaled(graph, greenish, 1 / 100)), to=TensorProto.INT64)
    index = graph.apply("Max", index, graph.integers(0))
    table = graph.constant(np.ones(1, np.float32))
    one = graph.apply("Gather", table, index, axis=0)  # out of bounds from 100 levels of green on
    refused = graph.apply("Reshape", graph.apply("Mul", odds, one), graph.integers(-1, 1))
    both = graph.apply("Concat", graph.apply("Sub", graph.number(1.0), refused), refused, axis=1)
    graph.output(both, "probabilities", TensorProto.FLOAT, ["N", 2])
    return graph.model("A classifier that goes wrong on request, for tests.", {"stand_in": "true"})


def _average(graph: GraphWriter, channel: str) -> str:
    return graph.apply("ReduceMean", channel, axes=[1, 2, 3], keepdims=0)


def _scaled(graph: GraphWriter, value: str, factor: float) -> str:
    return graph.apply("Mul", value, graph.number(factor))
