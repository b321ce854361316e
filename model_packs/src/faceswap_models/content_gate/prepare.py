"""Prepares a classifier for the content gate: adds preprocessing of RGB bytes to its graph, and proves the result."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from faceswap_core.provenance.gate.decision import GateConfig, normalised
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

BOUND = 1e-4
"""Largest difference of a score: onnxruntime sums a batch in another order than a single image."""
BATCH = 3


class GatePreparationError(Exception):
    """The file is not a classifier the gate can use; one line."""


def prepare_gate(original: onnx.ModelProto, config: GateConfig) -> onnx.ModelProto:
    """A network for `model_repository/content_gate`.

    Args:
        original: one float32 input [N or 1, ...] in the layout of `config`, one float32 output [N or 1, classes].
        config: how it wants its images.

    Returns:
        Inputs `image` uint8 [N, views * size, size, 3] RGB, the views of each image one below the other, and
        `scores_32`, which is not read; output `scores` float32 [N, views * classes]. Height and width are left open
        because the served config leaves them open.

    Raises:
        GatePreparationError: it has other inputs or outputs, or does not compute on batches what it does on one.
    """
    model = onnx.ModelProto()
    model.CopyFrom(original)
    initializers = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in initializers]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise GatePreparationError("a classifier has one input and one output")
    if inputs[0].type.tensor_type.elem_type != TensorProto.FLOAT:
        raise GatePreparationError("the classifier's input is not float32")
    _open_batch(model, inputs[0])
    _graft_input(model, inputs[0], config)
    _rename_output(model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise GatePreparationError(f"the classifier is not valid ONNX: {str(error).splitlines()[0]}") from None
    _prove(original, inputs[0].name, model, config)
    return model


def _open_batch(model: onnx.ModelProto, tensor: onnx.ValueInfoProto) -> None:
    tensor.type.tensor_type.shape.dim[0].dim_param = "N"
    del model.graph.value_info[:]  # inner shapes may have the old batch of 1 in them


def _graft_input(model: onnx.ModelProto, tensor: onnx.ValueInfoProto, config: GateConfig) -> None:
    """Takes stacked views apart; then the float32 arithmetic of `content_gate.normalised`, in the same order."""
    values = {
        "gate_view_shape": np.array((-1, config.size, config.size, 3), np.int64),
        "gate_first": np.array((0,), np.int64),
        "gate_all_scores": np.array((-1,), np.int64),
        "gate_scale": np.float32(config.scale),
        "gate_mean": np.array(config.mean, np.float32),
        "gate_std": np.array(config.std, np.float32),
        "gate_order": np.array((2, 1, 0) if config.channels == "BGR" else (0, 1, 2), np.int64),
    }
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in values.items())
    steps = [
        helper.make_node("Reshape", ["image", "gate_view_shape"], ["gate_views"]),
        helper.make_node("Gather", ["gate_views", "gate_order"], ["gate_ordered"], axis=3),
        helper.make_node("Cast", ["gate_ordered"], ["gate_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["gate_float", "gate_scale"], ["gate_scaled"]),
        helper.make_node("Sub", ["gate_scaled", "gate_mean"], ["gate_centred"]),
        helper.make_node("Div", ["gate_centred", "gate_std"], ["gate_values"]),
        helper.make_node(
            "Transpose", ["gate_values"], [tensor.name], perm=[0, 3, 1, 2] if config.layout == "NCHW" else [0, 1, 2, 3]
        ),
    ]
    nodes = [*steps, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    kept = [value for value in model.graph.input if value.name != tensor.name]
    del model.graph.input[:]
    model.graph.input.extend(
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "height", "width", 3]),
            helper.make_tensor_value_info("scores_32", TensorProto.FLOAT, ["N", 800, 1]),
            *kept,
        ]
    )


def _rename_output(model: onnx.ModelProto) -> None:
    (output,) = model.graph.output
    # scores of an image's views side by side; opset 5 has all of these
    model.graph.node.extend(
        [
            helper.make_node("Shape", ["image"], ["gate_image_shape"]),
            helper.make_node("Gather", ["gate_image_shape", "gate_first"], ["gate_rows"], axis=0),
            helper.make_node("Concat", ["gate_rows", "gate_all_scores"], ["gate_score_shape"], axis=0),
            helper.make_node("Reshape", [output.name, "gate_score_shape"], ["scores"]),
        ]
    )
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", "scores"]))


def _prove(original: onnx.ModelProto, tensor: str, prepared: onnx.ModelProto, config: GateConfig) -> None:
    """A batch through the prepared network against single runs of the original one, preprocessed in Python."""
    rng = np.random.default_rng(0)
    colours = rng.integers(40, 216, (BATCH, 1, 1, 3))  # noise of no colour would hide channels in the wrong order
    images = (colours + rng.integers(-40, 40, (BATCH, config.size, config.size, 3))).astype(np.uint8)
    inputs: dict[str, NDArray[np.generic]] = {
        "image": images,
        "scores_32": np.zeros((BATCH, 800, 1), np.float32),
    }
    try:
        expected = np.concatenate([_run(original, {tensor: normalised(each, config)[None]}) for each in images])
        found = _run(prepared, inputs)
        views = images.reshape(1, -1, *images.shape[2:])  # as three views of one image
        stacked = _run(prepared, {"image": views, "scores_32": inputs["scores_32"][:1]})
    except Exception as error:  # onnxruntime's exception classes share no base
        raise GatePreparationError(f"the classifier does not run: {str(error).splitlines()[0]}") from None
    if expected.shape != (BATCH, len(config.classes)):
        shape = list(expected.shape)
        raise GatePreparationError(f"{BATCH} images get scores of shape {shape} for {len(config.classes)} classes")
    difference = float(np.abs(expected - found).max()) if expected.shape == found.shape else float("inf")
    if not difference <= BOUND:  # NaN fails too
        raise GatePreparationError(f"batches and single images get scores that differ by {difference:g}")
    if stacked.shape != (1, found.size) or not float(np.abs(stacked - found.reshape(1, -1)).max()) <= BOUND:
        raise GatePreparationError("views of one image do not get the scores they get as single images")


def _run(model: onnx.ModelProto, inputs: dict[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, inputs)[0], np.float32)
