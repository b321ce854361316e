"""Every config.pbtxt parses strictly, and every edge of every ensemble joins tensors that agree."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import onnx
import pytest
from faceswap_contract.names import ENSEMBLES, FACE_NETWORKS, NETWORKS, STEPS
from google.protobuf import text_format
from support.paths import ROOT
from tritonclient.grpc import model_config_pb2

REPOSITORY = ROOT / "model_repository"
MODELS = sorted(path.parent.name for path in REPOSITORY.glob("*/config.pbtxt"))
ONNX_TYPES = {"TYPE_UINT8": "UINT8", "TYPE_FP32": "FLOAT", "TYPE_INT32": "INT32", "TYPE_FP64": "DOUBLE"}


def load(name: str) -> model_config_pb2.ModelConfig:
    return text_format.Parse((REPOSITORY / name / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def tensors(config: model_config_pb2.ModelConfig, kind: str) -> dict[str, tuple[str, list[int]]]:
    """Name -> (type, dims with the batch dimension in front)."""
    batch = [-1] if config.max_batch_size > 0 else []
    return {
        tensor.name: (model_config_pb2.DataType.Name(tensor.data_type), batch + list(tensor.dims))
        for tensor in getattr(config, kind)
    }


def test_the_repository_holds_exactly_the_models_of_the_design() -> None:
    assert set(MODELS) == {*ENSEMBLES, *NETWORKS, *STEPS}


def test_a_misspelt_field_would_be_refused() -> None:
    with pytest.raises(text_format.ParseError):
        text_format.Parse('name: "x" max_batch_sise: 1', model_config_pb2.ModelConfig())


@pytest.mark.parametrize("name", MODELS)
def test_explicit_name_batch_size_inputs_and_outputs(name: str) -> None:
    text = (REPOSITORY / name / "config.pbtxt").read_text()
    config = load(name)
    assert config.name == name
    assert "max_batch_size:" in text, "0 is written out, not left to a default"
    assert config.input
    assert config.output
    assert text.lstrip().startswith("#"), "a config opens with what the model is for"


@pytest.mark.parametrize("name", FACE_NETWORKS)
def test_networks_batch_across_requests_and_warm_up(name: str) -> None:
    config = load(name)
    assert config.backend == "onnxruntime"
    assert config.max_batch_size > 1
    assert config.HasField("dynamic_batching")
    assert config.model_warmup
    assert {key for sample in config.model_warmup for key in sample.inputs} == {tensor.name for tensor in config.input}


@pytest.mark.parametrize("path", ["config.pbtxt", "configs/cuda.pbtxt", "configs/tensorrt.pbtxt"])
@pytest.mark.parametrize("name", FACE_NETWORKS)
def test_no_network_works_for_a_caller_whose_time_is_over(name: str, path: str) -> None:
    config = text_format.Parse((REPOSITORY / name / path).read_text(), model_config_pb2.ModelConfig())
    policy = config.dynamic_batching.default_queue_policy
    assert policy.allow_timeout_override
    assert policy.timeout_action == policy.REJECT, "what is put off would be overtaken, and taken for lost"
    assert policy.default_timeout_microseconds > 0, "Triton takes a caller's time only when it is below the default"


@pytest.mark.parametrize("name", NETWORKS)
def test_prepared_networks_have_the_tensors_of_their_config(name: str, offline_repository: Path) -> None:
    config = load(name)
    model = onnx.load(offline_repository / name / "1" / "model.onnx")
    for kind in ("input", "output"):
        declared = tensors(config, kind)
        found = {value.name: value.type.tensor_type for value in getattr(model.graph, kind)}
        assert set(found) == set(declared)
        for tensor, (data_type, dims) in declared.items():
            sizes = [dim.dim_value or -1 for dim in found[tensor].shape.dim]
            assert onnx.TensorProto.DataType.Name(found[tensor].elem_type) == ONNX_TYPES[data_type]
            assert sizes == dims, tensor


@pytest.mark.parametrize("name", STEPS)
def test_a_python_step_is_one_import(name: str) -> None:
    (line,) = (REPOSITORY / name / "1" / "model.py").read_text().splitlines()
    assert line.startswith(f"from faceswap_core.triton.{name} import TritonPythonModel")


PIXELS = ("swapped_image", "swapped_frame", "detector_images", "gate_images", "recognition_crops", "swap_crops")


@pytest.mark.parametrize("name", STEPS)
def test_no_plane_of_an_image_goes_from_step_to_step(name: str) -> None:
    """Everything that grows with the target lies in the buffer pool; a result alone leaves through Triton."""
    config = load(name)
    free = [t.name for t in config.output if list(t.dims).count(-1) > 1 or (t.name.endswith("alpha"))]
    assert set(free) <= set(PIXELS)
    assert not [t.name for t in config.input if t.name.startswith("target_") and t.name != "target_image"]


@pytest.mark.parametrize("name", ENSEMBLES)
def test_every_edge_joins_tensors_that_agree(name: str) -> None:
    ensemble = load(name)
    known = tensors(ensemble, "input")
    for step in ensemble.ensemble_scheduling.step:
        model = load(step.model_name)
        inputs, outputs = tensors(model, "input"), tensors(model, "output")
        required = {tensor.name for tensor in model.input if not tensor.optional}
        assert set(step.input_map) <= set(inputs), "an unknown input"
        assert required <= set(step.input_map), "a required input is not fed"
        for key, edge in step.input_map.items():
            assert edge in known, f"{edge} is used before it is made"
            assert agrees(known[edge], inputs[key]), f"{step.model_name}.{key} <- {edge}"
        for key, edge in step.output_map.items():
            assert edge not in known, f"{edge} is made twice"
            known[edge] = outputs[key]
    for output, wanted in tensors(ensemble, "output").items():
        assert agrees(known[output], wanted), output


@pytest.mark.parametrize("name", ENSEMBLES)
def test_the_ensemble_is_one_straight_line(name: str) -> None:
    """Each step needs something the step before it made, so no two can run at once."""
    steps = load(name).ensemble_scheduling.step
    for before, after in pairwise(steps):
        assert set(before.output_map.values()) & set(after.input_map.values()), (before.model_name, after.model_name)


def agrees(made: tuple[str, list[int]], wanted: tuple[str, list[int]]) -> bool:
    """Same type and rank, and no fixed size differs."""
    if made[0] != wanted[0] or len(made[1]) != len(wanted[1]):
        return False
    return all(-1 in (a, b) or a == b for a, b in zip(made[1], wanted[1], strict=True))


VARIANTS = sorted(REPOSITORY.glob("*/configs/*.pbtxt"))


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_gpu_variants_differ_from_the_default_only_in_how_they_run(path: Path) -> None:
    """Same name, tensors, batch size; the CUDA options at top level, where the native backend reads them."""
    variant = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
    default = load(path.parts[-3])
    for kind in ("input", "output"):
        assert tensors(variant, kind) == tensors(default, kind)
    assert (variant.name, variant.backend, variant.max_batch_size) == (
        default.name, default.backend, default.max_batch_size,
    )  # fmt: skip
    assert variant.HasField("dynamic_batching")
    assert {"cudnn_conv_algo_search", "arena_extend_strategy", "gpu_mem_limit"} <= set(variant.parameters)
    assert [group.kind for group in variant.instance_group] == [model_config_pb2.ModelInstanceGroup.KIND_GPU]
    sizes = [sample.batch_size for sample in variant.model_warmup]
    assert sizes[0] == 1
    assert sizes[-1] == variant.max_batch_size


@pytest.mark.parametrize("network", ["det_10g", "w600k_r50", "inswapper_128"])
def test_tensorrt_profiles_cover_every_input_from_one_to_the_largest_batch(network: str) -> None:
    path = REPOSITORY / network / "configs" / "tensorrt.pbtxt"
    variant = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
    (accelerator,) = variant.optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "tensorrt"
    for bound, batch in (("min", 1), ("max", variant.max_batch_size)):
        expected = ",".join(f"{t.name}:{batch}x{'x'.join(map(str, t.dims))}" for t in variant.input)
        assert accelerator.parameters[f"trt_profile_{bound}_shapes"] == expected
