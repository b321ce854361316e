"""IResNet-50: the architecture of `w600k_r50.onnx`.

Source: insightface recognition/arcface_torch/backbones/iresnet.py, exported with every batch
normalisation that follows a convolution folded into it.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from faceswap_tools.random_weights.torch_like_graph import TorchLikeGraph, float_tensor

LAYERS = (3, 4, 14, 3)
PLANES = (64, 128, 256, 512)
FEATURES = 512 * 7 * 7
EMBEDDING = 512
EPSILON = 1e-5  # torch's default for batch normalisation
CALIBRATION_IMAGES = 16


def build_iresnet50(seed: int = 50) -> onnx.ModelProto:
    """`w600k_r50.onnx` with random weights: `input.1` float32 [None, 3, 112, 112] to `683` [1, 512].

    The last batch normalisation is set from a few random images, as training would: without it
    the embeddings of all images point the same way.
    """
    graph = TorchLikeGraph(seed)
    value = graph.conv("input.1", 3, 64, 3)
    value = _prelu(graph, value, 64)
    channels = 64
    for blocks, planes in zip(LAYERS, PLANES, strict=True):
        for block in range(blocks):
            value = _block(graph, value, channels, planes, first=block == 0)
            channels = planes
    value = _batch_norm(graph, value, channels, "bn2")
    value = graph.node("Flatten", [value], axis=1)
    graph.weight("fc.weight", graph.normal((EMBEDDING, FEATURES), float(np.sqrt(1 / FEATURES))))
    graph.weight("fc.bias", np.zeros(EMBEDDING, np.float32))
    value = graph.node("Gemm", [value, "fc.weight", "fc.bias"], alpha=1.0, beta=1.0, transB=1)
    _batch_norm(graph, value, EMBEDDING, "features", output="683")
    model = graph.model(
        [float_tensor("input.1", ["None", 3, 112, 112])],
        [float_tensor("683", [1, EMBEDDING])],
        "Architecture of IResNet-50, random weights.",
    )
    _calibrate_last_batch_norm(model, seed)
    return model


def _block(graph: TorchLikeGraph, value: str, channels: int, planes: int, *, first: bool) -> str:
    inner = _batch_norm(graph, value, channels, f"{value}.bn1")
    inner = _prelu(graph, graph.conv(inner, channels, planes, 3), planes)
    # Gain 0.5 lets 24 residual additions grow the activations by no more than a few times.
    inner = graph.conv(inner, planes, planes, 3, stride=2 if first else 1, gain=0.5)
    if first:
        value = graph.conv(value, channels, planes, 1, stride=2, padding=0, gain=1.0)
    return graph.node("Add", [inner, value])


def _prelu(graph: TorchLikeGraph, value: str, channels: int) -> str:
    slope = graph.weight(f"{value}.slope", np.full((channels, 1, 1), 0.25, np.float32))
    return graph.node("PRelu", [value, slope])


def _batch_norm(graph: TorchLikeGraph, value: str, channels: int, layer: str, output: str = "") -> str:
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    scale = ones + graph.normal((channels,), 0.1)
    names = [
        graph.weight(f"{layer}.{part}", values)
        for part, values in (("weight", scale), ("bias", zeros), ("running_mean", zeros), ("running_var", ones))
    ]
    return graph.node("BatchNormalization", [value, *names], output=output, epsilon=EPSILON, momentum=0.9)


def _calibrate_last_batch_norm(model: onnx.ModelProto, seed: int) -> None:
    """Sets the running mean and variance of `features` from the network's own output."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(-1, 1, (CALIBRATION_IMAGES, 3, 14, 14)).astype(np.float32)
    images = coarse.repeat(8, axis=2).repeat(8, axis=3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3  # the declared output has batch 1, like the real file's
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (embeddings,) = session.run(None, {"input.1": images})
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    scale = numpy_helper.to_array(initializers["features.weight"])
    before_norm = embeddings / scale * np.sqrt(1 + EPSILON, dtype=np.float32)
    for part, values in (("running_mean", before_norm.mean(axis=0)), ("running_var", before_norm.var(axis=0))):
        tensor = numpy_helper.from_array(values.astype(np.float32), f"features.{part}")
        initializers[tensor.name].CopyFrom(tensor)
