"""Graph edits: the contract of each prepared network, the grafts bit for bit, the proof, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from faceswap_models.onnx_graphs import (
    GraphNotKnownError,
    NetworkKind,
    ProofFailedError,
    edit_graph,
    identify_network,
    prepare_network,
    prove_batchable,
    read_emap,
)
from faceswap_models.onnx_graphs.known_graphs import declared_shape
from faceswap_models.onnx_graphs.uint8_input import (
    DETECTOR_NORMALISATION,
    RECOGNISER_NORMALISATION,
    SWAPPER_NORMALISATION,
    Normalisation,
    graft_uint8_input,
    graft_uint8_output,
)
from onnx import TensorProto, helper, numpy_helper

DETECTORS = ["det_500m", "scrfd_2_5g", "random_detector"]
DETECTOR_OUTPUTS = [
    (f"{head}_{stride}", ("N", cells, width))
    for head, width in (("scores", 1), ("boxes", 4), ("landmarks", 10))
    for stride, cells in ((8, 12800), (16, 3200), (32, 800))
]


def _contract(values: object) -> list[tuple[str, str, tuple[int | str, ...]]]:
    return [
        (value.name, TensorProto.DataType.Name(value.type.tensor_type.elem_type), declared_shape(value))
        for value in values  # type: ignore[attr-defined]
    ]


def _run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:  # type: ignore[type-arg]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs: list[np.ndarray] = session.run(None, feeds)  # type: ignore[type-arg]
    return outputs


def _identity(shape: list[int | str]) -> onnx.ModelProto:
    """A network that gives back its float32 NCHW input."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["in"], ["out"])],
        "identity",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


@pytest.mark.parametrize(
    ("normalisation", "mean", "std"),
    [
        (DETECTOR_NORMALISATION, 127.5, 128.0),
        (RECOGNISER_NORMALISATION, 127.5, 127.5),
        (SWAPPER_NORMALISATION, 0.0, 255.0),
    ],
)
def test_grafted_input_equals_blob_from_image_bit_for_bit(
    normalisation: Normalisation, mean: float, std: float
) -> None:
    # Asymmetric and with every byte value: a swapped axis or channel cannot pass.
    levels = np.arange(256, dtype=np.uint8)
    images = np.random.default_rng(1).permuted(np.tile(levels, (6, 9)), axis=1).reshape(2, 48, 48, 3)
    model = _identity(["N", 3, 48, 48])
    graft_uint8_input(model, "in", "image", 48, normalisation)
    onnx.checker.check_model(model, full_check=True)
    bgr = [np.ascontiguousarray(image[..., ::-1]) for image in images]
    expected = cv2.dnn.blobFromImages(bgr, 1.0 / std, (48, 48), (mean,) * 3, swapRB=True)
    assert np.array_equal(_run(model, {"image": images})[0], expected)


def test_grafted_output_cuts_fractions_off_and_clips_like_insightface() -> None:
    model = _identity(["N", 3, 2, 2])
    graft_uint8_output(model, "out", "swapped", 2)
    onnx.checker.check_model(model, full_check=True)
    values = np.array([-0.5, -1e-9, 0.0, 0.9999, 1.0, 1.7, 0.5, 127.999 / 255, 254.9999 / 255, 0.3, 0.7, 1 / 255])
    values = values.astype(np.float32).reshape(1, 3, 2, 2)
    expected = np.clip(255 * values.transpose(0, 2, 3, 1), 0, 255).astype(np.uint8)
    swapped = _run(model, {"in": values})[0]
    assert swapped.dtype == np.uint8
    assert np.array_equal(swapped, expected)
    assert swapped[0, 0, 0].tolist() == [0, 255, 254]  # -0.5, 1.0 and 254.9999 / 255, one of each plane


@pytest.mark.parametrize("fixture", DETECTORS)
def test_detector_contract_and_proof(fixture: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    original = request.getfixturevalue(fixture)
    prepared = tmp_path / "prepared.onnx"
    edit = prepare_network(original, prepared)
    assert edit.departures == ()
    graph = onnx.load(prepared).graph
    assert _contract(graph.input) == [("image", "UINT8", ("N", 640, 640, 3))]
    assert _contract(graph.output) == [(name, "FLOAT", shape) for name, shape in DETECTOR_OUTPUTS]
    rows = prove_batchable(original, prepared, batch_sizes=(2, 3, 8))
    assert {(row.output, row.batch) for row in rows} == {
        (name, batch) for name, _ in DETECTOR_OUTPUTS for batch in (2, 3, 8)
    }
    # The same kernels on both sides: not a bit differs. With every optimisation, the fused sums may.
    assert max(row.max_abs_difference for row in rows if not row.optimised) == 0
    assert max(row.max_abs_difference for row in rows if row.optimised) <= 2e-6


def test_real_det_500m_has_no_difference_even_with_every_optimisation(det_500m: Path, tmp_path: Path) -> None:
    prepare_network(det_500m, tmp_path / "prepared.onnx")
    rows = prove_batchable(det_500m, tmp_path / "prepared.onnx")
    assert {row.max_abs_difference for row in rows} == {0.0}
    assert {row.optimised for row in rows} == {True, False}


def test_recogniser_contract_and_proof(random_recogniser: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared.onnx"
    prepare_network(random_recogniser, prepared)
    graph = onnx.load(prepared).graph
    assert _contract(graph.input) == [("face", "UINT8", ("N", 112, 112, 3))]
    assert _contract(graph.output) == [("embedding", "FLOAT", ("N", 512))]
    rows = prove_batchable(random_recogniser, prepared)
    assert len(rows) == 6
    assert max(row.max_abs_difference for row in rows) <= 2e-6


@pytest.mark.timeout(1200)  # 6 faces at 349 GFLOP each; two at once are in the proof of a whole pack
def test_swapper_contract_emap_and_proof(random_swapper: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared.onnx"
    prepare_network(random_swapper, prepared)
    model = onnx.load(prepared)
    assert _contract(model.graph.input) == [
        ("target", "UINT8", ("N", 128, 128, 3)),
        ("source", "FLOAT", ("N", 512)),
    ]
    assert _contract(model.graph.output) == [("swapped", "UINT8", ("N", 128, 128, 3))]
    assert list(model.graph.value_info) == []
    assert model.graph.initializer[-1].name == "buff2fs"
    assert np.array_equal(read_emap(model), read_emap(onnx.load(random_swapper)))
    rows = prove_batchable(random_swapper, prepared, batch_sizes=(3,))
    assert [(row.output, row.batch, row.max_abs_difference) for row in rows] == [("swapped", 3, 0.0)]


def test_renaming_the_batch_dimension_alone_is_caught_by_the_proof(det_500m: Path, tmp_path: Path) -> None:
    """The trap: outputs of [N, cells, C] with the old fold mix the images' rows."""
    model = onnx.load(det_500m)
    edit_graph(model)
    for node in model.graph.node:
        if node.op_type == "Transpose" and list(node.attribute[0].ints) == [0, 2, 3, 1]:
            node.attribute[0].ints[:] = [2, 3, 0, 1]
        if node.op_type == "Reshape":
            width = 1 if "scores" in node.input[1] else 4 if "boxes" in node.input[1] else 10
            cells = {"8": 12800, "16": 3200, "32": 800}[node.input[1].split("_")[1]]
            shape = numpy_helper.from_array(np.array([-1, cells, width]), f"{node.input[1]}_naive")
            model.graph.initializer.append(shape)
            node.input[1] = shape.name
    onnx.save(model, tmp_path / "naive.onnx")
    with pytest.raises(ProofFailedError, match="det_500m.onnx: differs from single runs in .*scores_8 of batch 2 by"):
        prove_batchable(det_500m, tmp_path / "naive.onnx", batch_sizes=(2,))


def test_a_normalisation_that_divides_is_caught_by_the_proof(random_recogniser: Path, tmp_path: Path) -> None:
    model = onnx.load(random_recogniser)
    edit_graph(model)
    for node in model.graph.node:
        if node.name == "face_scale":
            node.op_type = "Div"
        if node.name == "face_factor_constant":
            node.attribute[0].t.CopyFrom(numpy_helper.from_array(np.float32(127.5).reshape(()), "face_factor"))
    onnx.save(model, tmp_path / "divided.onnx")
    with pytest.raises(ProofFailedError, match="w600k_r50.onnx: differs from single runs in embedding of batch 2"):
        prove_batchable(random_recogniser, tmp_path / "divided.onnx", batch_sizes=(2,))


def test_kinds_are_told_by_structure(random_detector: Path, random_recogniser: Path) -> None:
    assert identify_network(onnx.load(random_detector)) is NetworkKind.DETECTOR
    assert identify_network(onnx.load(random_recogniser)) is NetworkKind.RECOGNISER
    with pytest.raises(GraphNotKnownError, match=r"inputs are in \[1,3,64,64\] and outputs out \[1,3,64,64\]"):
        identify_network(_identity([1, 3, 64, 64]))


def _add_relu(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", [model.graph.output[0].name], ["extra"]))


def _rename_output(model: onnx.ModelProto) -> None:
    model.graph.node[-1].output[0] = model.graph.output[-1].name = "other"


def _make_half(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_add_relu, "37 Relu nodes, in det_10g 36"),
        (_rename_output, "outputs are 448, 471, 494, 451, 474, 497, 454, 477, other, in det_10g 448,"),
        (_make_half, "input.1 not float32"),
    ],
)
def test_a_tampered_detector_is_refused_with_what_differs(
    random_detector: Path, tamper: Callable[[onnx.ModelProto], None], said: str
) -> None:
    model = onnx.load(random_detector)
    tamper(model)
    with pytest.raises(GraphNotKnownError) as refusal:
        edit_graph(model)
    assert said in str(refusal.value)
    assert len(refusal.value.differences) == 1


def test_a_departure_is_reported_not_refused_where_the_hash_is_the_published_one(random_detector: Path) -> None:
    model = onnx.load(random_detector)
    _add_relu(model)
    edit = edit_graph(model, hash_is_published=True)
    assert edit.departures == ("37 Relu nodes, in det_10g 36",)
    assert edit.known.name == "det_10g"


@pytest.mark.parametrize(
    ("permutation", "shape", "said"),
    [
        ([2, 3, 1, 0], [-1, 1], r"output 448 ends in Transpose \[2, 3, 1, 0\] and Reshape to \[-1, 1\]"),
        ([2, 3, 0, 1], [1, -1, 1], r"output 448 ends in Transpose \[2, 3, 0, 1\] and Reshape to \[1, -1, 1\]"),
    ],
)
def test_an_unknown_tail_is_refused_even_with_a_published_hash(
    random_detector: Path, permutation: list[int], shape: list[int], said: str
) -> None:
    model = onnx.load(random_detector)
    transpose = next(node for node in model.graph.node if node.op_type == "Transpose")
    transpose.attribute[0].ints[:] = permutation
    constant = next(tensor for tensor in model.graph.initializer if tensor.name == "rows_of_1")
    constant.CopyFrom(numpy_helper.from_array(np.array(shape), "rows_of_1"))
    with pytest.raises(GraphNotKnownError, match=said):
        edit_graph(model, hash_is_published=True)


def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.onnx").write_bytes(b"<html>Not found</html>")
    with pytest.raises(GraphNotKnownError, match="page.onnx: it is not an ONNX file"):
        prepare_network(tmp_path / "page.onnx", tmp_path / "prepared.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["page.onnx"]


def _small_recogniser(flatten: list[int]) -> onnx.ModelProto:
    """What w600k_mbf may look like: a body, a Reshape to a constant, a matrix, a batch norm."""
    random = np.random.default_rng(7)
    arrays = {
        "kernel": random.standard_normal((2, 3, 16, 16)) * 0.05,
        "slope": np.full((2, 1, 1), 0.25),
        "matrix": random.standard_normal((98, 512)) * 0.1,
        "scale": np.ones(512),
        "zero": np.zeros(512),
    }
    nodes = [
        helper.make_node("Conv", ["input.1", "kernel"], ["features"], strides=[16, 16]),
        helper.make_node("PRelu", ["features", "slope"], ["active"]),
        helper.make_node("Reshape", ["active", "flat"], ["flattened"]),
        helper.make_node("MatMul", ["flattened", "matrix"], ["product"]),
        helper.make_node("BatchNormalization", ["product", "scale", "zero", "zero", "scale"], ["516"]),
    ]
    initializers = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["None", 3, 112, 112])],
        [helper.make_tensor_value_info("516", TensorProto.FLOAT, [1, 512])],
        [*initializers, numpy_helper.from_array(np.array(flatten), "flat")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


@pytest.mark.parametrize("flatten", [[1, -1], [-1, 98]])
def test_mobilefacenet_with_a_constant_reshape_becomes_batchable(flatten: list[int], tmp_path: Path) -> None:
    original, prepared = tmp_path / "w600k_mbf.onnx", tmp_path / "prepared.onnx"
    onnx.save(_small_recogniser(flatten), original)
    edit = prepare_network(original, prepared, hash_is_published=True)
    assert edit.known.name == "w600k_mbf"
    assert f"Reshape to {flatten} became [0, -1]" in edit.changes
    assert max(row.max_abs_difference for row in prove_batchable(original, prepared)) <= 2e-6


def test_mobilefacenet_is_taken_by_its_hash_only(tmp_path: Path) -> None:
    with pytest.raises(GraphNotKnownError, match="operators of w600k_mbf are not published"):
        edit_graph(_small_recogniser([1, -1]))


def _emap_model(*names: str) -> onnx.ModelProto:
    model = _identity([1])
    for index, name in enumerate(names):
        model.graph.initializer.append(numpy_helper.from_array(np.full((512, 512), index, np.float32), name))
    return model


def test_emap_is_found_by_name_or_as_the_only_square() -> None:
    assert read_emap(_emap_model("a", "buff2fs", "b"))[0, 0] == 1
    assert read_emap(_emap_model("other"))[0, 0] == 0
    with pytest.raises(GraphNotKnownError, match=r"found a \[512, 512\], b \[512, 512\]"):
        read_emap(_emap_model("a", "b"))
    with pytest.raises(GraphNotKnownError, match="found none"):
        read_emap(_emap_model())


def _average_over_batch(node: onnx.NodeProto) -> None:
    node.attribute[0].ints[:] = [0, 2, 3]


def _pad_batch(model: onnx.ModelProto) -> None:
    pads = next(tensor for tensor in model.graph.initializer if tensor.name == "pads_3")
    pads.CopyFrom(numpy_helper.from_array(np.array([1, 0, 3, 3, 0, 0, 3, 3]), "pads_3"))


def test_a_swapper_that_mixes_faces_is_refused(random_swapper: Path) -> None:
    model = onnx.load(random_swapper)
    _average_over_batch(next(node for node in model.graph.node if node.op_type == "ReduceMean"))
    _pad_batch(model)
    with pytest.raises(GraphNotKnownError) as refusal:
        edit_graph(model, hash_is_published=True)
    told = " / ".join(refusal.value.differences)
    assert "averages over axes [0, 2, 3]" in told
    assert told.count("has pads [1.0, 0.0, 3.0, 3.0, 0.0, 0.0, 3.0, 3.0]") == 2
