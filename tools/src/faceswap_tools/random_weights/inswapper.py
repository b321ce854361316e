"""The architecture of `inswapper_128.onnx`.

Source: the published descriptions collected from public ports of the file (node and weight names,
op counts and shapes); encoder, six blocks with adaptive instance normalisation written out as
primitives, decoder. 349 GFLOP for one 128x128 face.
"""

from __future__ import annotations

import numpy as np
import onnx

from faceswap_tools.random_weights.torch_like_graph import TorchLikeGraph, float_tensor

LATENT = 512
STYLE_CHANNELS = 1024
# Numbers in the published node names; the Gemm of a style convolution carries its number + 11.
STYLE_CONVS = ((62, 107), (152, 197), (242, 287), (332, 377), (422, 467), (512, 557))
EPSILON = 1e-8

# A linear 3x3 kernel before a leaky ReLU of slope 0.2 keeps the mean square at 2 / (1 + 0.2^2).
LEAKY_GAIN = 2 / (1 + 0.2**2)
# Mean square of what an image in [0, 1] feeds the first convolution (about 1/3 for uniform values).
FIRST_GAIN = LEAKY_GAIN * 3
# Measured: gain 1 gives values before tanh a deviation near 2; this gives 0.6, outputs from 0.05 to 0.95.
LAST_GAIN = 0.09
# A unit-length latent through weights of this deviation gives style factors 1 +- 0.5 and shifts +- 0.5.
STYLE_DEVIATION = 0.5

LARGEST_SHAPE_CONSTANT = 1024  # bytes; shapes, pads and scales are below, weights above


def build_inswapper(seed: int = 128) -> onnx.ModelProto:
    """`inswapper_128.onnx` with random weights: `target` float32 [1, 3, 128, 128] RGB 0..1, `source` float32
    [1, 512] to `output` float32 [1, 3, 128, 128], with `buff2fs` [512, 512] as last initializer and
    the batch-1 value_info the real file very probably carries."""
    graph = TorchLikeGraph(seed)
    _constants(graph)
    value = _encoder(graph, "target")
    for index, convs in enumerate(STYLE_CONVS):
        value = _style_block(graph, value, index, convs)
    _decoder(graph, value)
    # Orthogonal: like a trained map it loses nothing of the embedding; it is not part of the graph.
    emap, _ = np.linalg.qr(graph.random.standard_normal((LATENT, LATENT)))
    graph.weight("buff2fs", emap.astype(np.float32))
    model = graph.model(
        [float_tensor("target", [1, 3, 128, 128]), float_tensor("source", [1, LATENT])],
        [float_tensor("output", [1, 3, 128, 128])],
        "Architecture of inswapper_128, random weights.",
    )
    _add_value_info(model)
    return model


def _constants(graph: TorchLikeGraph) -> None:
    graph.weight("onnx::Add_164", np.array(EPSILON, np.float32))
    graph.weight("one", np.array(1.0, np.float32))
    graph.weight("two", np.array(2.0, np.float32))
    graph.weight("pads_3", np.array([0, 0, 3, 3, 0, 0, 3, 3]))
    graph.weight("pads_1", np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    graph.weight("no_roi", np.array([], np.float32))
    graph.weight("double", np.array([1, 1, 2, 2], np.float32))
    for name, value in (("axis_1", 1), ("from_0", 0), ("to_1024", 1024), ("to_2048", 2048)):
        graph.weight(name, np.array([value]))


def _encoder(graph: TorchLikeGraph, target: str) -> str:
    value = graph.node("Pad", [target, "pads_3"], mode="reflect")
    layers = (
        (40, 833, 3, 128, 7, 1, 0, FIRST_GAIN),
        (42, 836, 128, 256, 3, 1, 1, LEAKY_GAIN),
        (44, 839, 256, 512, 3, 2, 1, LEAKY_GAIN),
        (46, 842, 512, 1024, 3, 2, 1, LEAKY_GAIN),
    )
    for number, weight, channels_in, channels_out, kernel, stride, padding, gain in layers:
        value = graph.conv(
            value,
            channels_in,
            channels_out,
            kernel,
            stride=stride,
            padding=padding,
            gain=gain,
            weight_names=(f"onnx::Conv_{weight}", f"onnx::Conv_{weight + 1}"),
            name=f"Conv_{number}",
        )
        value = graph.node("LeakyRelu", [value], alpha=0.2)
    return value


def _style_block(graph: TorchLikeGraph, value: str, index: int, convs: tuple[int, int]) -> str:
    inner = value
    for layer, number in enumerate(convs, start=1):
        inner = graph.node("Pad", [inner, "pads_1"], mode="reflect")
        inner = graph.conv(
            inner,
            STYLE_CHANNELS,
            STYLE_CHANNELS,
            3,
            padding=0,
            weight_names=(f"styles.{index}.conv{layer}.1.weight", f"styles.{index}.conv{layer}.1.bias"),
            name=f"Conv_{number}",
        )
        inner = _adaptive_instance_norm(graph, inner, f"styles.{index}.style{layer}.linear", number + 11)
        if layer == 1:
            inner = graph.node("Relu", [inner])
    return graph.node("Add", [value, inner])


def _adaptive_instance_norm(graph: TorchLikeGraph, value: str, layer: str, gemm_number: int) -> str:
    """gamma * (x - mean) / sqrt(variance + eps) + beta, per channel, with gamma and beta from `source`."""
    mean = graph.node("ReduceMean", [value], axes=[2, 3], keepdims=1)
    centred = graph.node("Sub", [value, mean])
    variance = graph.node("ReduceMean", [graph.node("Mul", [centred, centred])], axes=[2, 3], keepdims=1)
    deviation = graph.node("Sqrt", [graph.node("Add", [variance, "onnx::Add_164"])])
    normalised = graph.node("Mul", [centred, graph.node("Div", ["one", deviation])])
    style = _style(graph, layer, gemm_number)
    gamma = graph.node("Slice", [style, "from_0", "to_1024", "axis_1"])
    beta = graph.node("Slice", [style, "to_1024", "to_2048", "axis_1"])
    return graph.node("Add", [graph.node("Mul", [gamma, normalised]), beta])


def _style(graph: TorchLikeGraph, layer: str, gemm_number: int) -> str:
    graph.weight(f"{layer}.weight", graph.normal((2 * STYLE_CHANNELS, LATENT), STYLE_DEVIATION))
    bias = np.repeat(np.array([1.0, 0.0], np.float32), STYLE_CHANNELS)
    graph.weight(f"{layer}.bias", bias)
    style = graph.node(
        "Gemm",
        ["source", f"{layer}.weight", f"{layer}.bias"],
        name=f"Gemm_{gemm_number}",
        alpha=1.0,
        beta=1.0,
        transB=1,
    )
    return graph.node("Unsqueeze", [graph.node("Unsqueeze", [style], axes=[2])], axes=[3])


def _decoder(graph: TorchLikeGraph, value: str) -> None:
    layers = ((590, 845, 1024, 512, True), (594, 848, 512, 256, True), (596, 851, 256, 128, False))
    for number, weight, channels_in, channels_out, upsample in layers:
        if upsample:
            value = graph.node(
                "Resize",
                [value, "no_roi", "double"],
                coordinate_transformation_mode="pytorch_half_pixel",
                cubic_coeff_a=-0.75,
                mode="linear",
                nearest_mode="floor",
            )
        value = graph.conv(
            value,
            channels_in,
            channels_out,
            3,
            gain=LEAKY_GAIN,
            weight_names=(f"onnx::Conv_{weight}", f"onnx::Conv_{weight + 1}"),
            name=f"Conv_{number}",
        )
        value = graph.node("LeakyRelu", [value], alpha=0.2)
    value = graph.node("Pad", [value, "pads_3"], mode="reflect")
    names = ("up0.1.weight", "up0.1.bias")
    value = graph.conv(value, 128, 3, 7, padding=0, gain=LAST_GAIN, weight_names=names, name="Conv_612")
    value = graph.node("Add", [graph.node("Tanh", [value]), "one"])
    graph.node("Div", [value, "two"], output="output")


def _add_value_info(model: onnx.ModelProto) -> None:
    """Declares every inner tensor's batch-1 shape, inferred without the weights' data (550 MB)."""
    bare = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    bare.graph.name = model.graph.name
    bare.graph.node.extend(model.graph.node)
    bare.graph.input.extend(model.graph.input)
    bare.graph.output.extend(model.graph.output)
    for tensor in model.graph.initializer:
        small = len(tensor.raw_data) <= LARGEST_SHAPE_CONSTANT
        shape_only = onnx.TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)
        bare.graph.initializer.append(tensor if small else shape_only)
    inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True)
    model.graph.value_info.extend(inferred.graph.value_info)
