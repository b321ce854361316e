"""Random-weight networks have the published architectures, and outputs that use their range."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from faceswap_models.onnx_graphs.published_facts import check_against_published
from faceswap_tools.random_weights import (
    PUBLISHED,
    RANDOM_WEIGHTS_VERSION,
    GraphMismatchError,
    build_random_weights,
    count_parameters,
    default_random_weights_directory,
)


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", ["det_10g", "w600k_r50", "inswapper_128"])
def test_a_network_has_the_published_nodes_parameters_and_size(name: str) -> None:
    path = build_random_weights(names=[name])[name]
    model = onnx.load(path)
    facts = PUBLISHED[name]
    assert len(model.graph.node) == {"det_10g": 158, "w600k_r50": 130, "inswapper_128": 238}[name]
    assert count_parameters(model) == facts.parameters
    assert abs(path.stat().st_size - facts.file_bytes) < 12_000
    onnx.checker.check_model(model)
    check_against_published(name, model)


def test_a_network_with_a_node_or_weight_too_many_is_refused(random_detector: Path) -> None:
    model = onnx.load(random_detector)
    model.graph.node.append(onnx.helper.make_node("Relu", ["448"], ["extra"]))
    weight = onnx.numpy_helper.from_array(np.zeros(7, np.float32), "surplus")
    model.graph.initializer.append(weight)
    with pytest.raises(GraphMismatchError, match="37 Relu nodes, published 36.*4225944 parameters, published 4225937"):
        check_against_published("det_10g", model)


def test_random_swapper_ends_with_the_emap_and_carries_batch_1_shapes(random_swapper: Path) -> None:
    graph = onnx.load(random_swapper).graph
    assert graph.initializer[-1].name == "buff2fs"
    assert list(graph.initializer[-1].dims) == [512, 512]
    assert len(graph.value_info) == 237
    assert {value.type.tensor_type.shape.dim[0].dim_value for value in graph.value_info} == {1}


def test_random_detector_finds_nothing_yet_uses_its_ranges(random_detector: Path) -> None:
    image = np.random.default_rng(3).uniform(-1, 1, (1, 3, 640, 640)).astype(np.float32)
    outputs = _session(random_detector).run(None, {"input.1": image})
    scores = np.concatenate([output.ravel() for output in outputs[:3]])
    assert scores.max() < 0.5
    assert scores.max() > 10 * np.median(scores) > 0
    for boxes in outputs[3:6]:  # two anchors: sides of 2 and 4 strides
        assert np.abs(boxes.reshape(-1, 2, 4).mean(axis=(0, 2)) - [1, 2]).max() < 0.3


def test_random_recogniser_tells_images_apart(random_recogniser: Path) -> None:
    random = np.random.default_rng(4)
    coarse = random.uniform(-1, 1, (4, 3, 7, 7)).astype(np.float32)
    embeddings = _session(random_recogniser).run(None, {"input.1": coarse.repeat(16, 2).repeat(16, 3)})[0]
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[np.triu_indices(4, 1)]
    assert np.abs(cosines).max() < 0.9
    assert 10 < np.linalg.norm(embeddings, axis=1).mean() < 60


def test_random_swapper_depends_on_target_and_source_and_rarely_saturates(random_swapper: Path) -> None:
    random = np.random.default_rng(5)
    coarse = random.random((2, 3, 16, 16)).astype(np.float32).repeat(8, 2).repeat(8, 3)
    latents = random.standard_normal((2, 1, 512)).astype(np.float32)
    latents /= np.linalg.norm(latents, axis=2, keepdims=True)
    session = _session(random_swapper)
    runs = [(0, 0), (0, 1), (1, 0)]
    base, other_source, other_target = (
        session.run(None, {"target": coarse[target : target + 1], "source": latents[source]})[0]
        for target, source in runs
    )
    assert np.abs(base - other_source).mean() > 0.02
    assert np.abs(base - other_target).mean() > 0.02
    low, high = np.percentile(base, [10, 90])
    assert 0.02 < low < 0.5 < high < 0.98


def test_networks_are_built_once_and_again_for_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_random_weights(tmp_path, ["det_10g"])["det_10g"]
    assert first == tmp_path / f"v{RANDOM_WEIGHTS_VERSION}" / "det_10g.onnx"
    written = first.stat().st_mtime_ns
    assert build_random_weights(tmp_path, ["det_10g"])["det_10g"].stat().st_mtime_ns == written
    monkeypatch.setattr("faceswap_tools.random_weights.build.RANDOM_WEIGHTS_VERSION", RANDOM_WEIGHTS_VERSION + 1)
    second = build_random_weights(tmp_path, ["det_10g"])["det_10g"]
    assert second.parent.name == f"v{RANDOM_WEIGHTS_VERSION + 1}"
    assert second.read_bytes() == first.read_bytes(), "the same seed must give the same weights"
    assert sorted(path.name for path in tmp_path.rglob("*.onnx")) == ["det_10g.onnx", "det_10g.onnx"]


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"no random-weight network det_100g; there are det_10g, w600k_r50, inswapper_128"
    ):
        build_random_weights(names=["det_100g"])


def test_cache_directory_honours_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_random_weights_directory() == tmp_path / "faceswap-triton" / "random-weights"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert default_random_weights_directory() == Path.home() / ".cache" / "faceswap-triton" / "random-weights"


def test_command_line_wants_at_most_one_directory() -> None:
    command = [sys.executable, "-m", "faceswap_tools.random_weights", "a", "b"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("usage:")
