"""The installed gate: every way in which it may be broken, and what each comes to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from faceswap_core.provenance.gate.decision import Verdict, gate_pixels, normalised
from faceswap_core.provenance.gate.installed import ContentGate, installed_gate
from faceswap_core.provenance.settings import ProvenanceSettings, SettingsError
from faceswap_models.content_gate import (
    GatePreparationError,
    install_gate,
    place_placeholder,
    prepare_gate,
    remove_gate,
)
from faceswap_models.content_gate.__main__ import app
from faceswap_models.content_gate.networks import STAND_IN, build_placeholder, build_stand_in
from numpy.typing import NDArray
from typer.testing import CliRunner

OFF, REQUIRED = ProvenanceSettings(content_gate="installed"), ProvenanceSettings(content_gate="required")
MAGENTA, GREY = np.full((90, 120, 3), (255, 0, 255), np.uint8), np.full((64, 300, 3), 90, np.uint8)


@pytest.fixture
def gated(tmp_path: Path) -> Path:
    install_gate(tmp_path, build_stand_in(), STAND_IN, "stand-in")
    return tmp_path / "content_gate" / "1"


def scores(network: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    source = network if isinstance(network, bytes) else str(network)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    anchors = np.zeros((len(images), 800, 1), np.float32)
    return np.asarray(session.run(["scores"], {"image": images, "scores_32": anchors})[0])


def test_an_installed_gate_judges_images(gated: Path) -> None:
    gate = installed_gate(gated.parents[1], REQUIRED)
    images = gate.images([GREY, MAGENTA])
    assert (images.shape, images.dtype) == ((2, 224, 224, 3), np.dtype(np.uint8))
    found = scores(gated / "model.onnx", images)
    assert gate.judge(found[:1], 1).verdict is Verdict.ALLOWED
    assert gate.judge(found, 2).verdict is Verdict.REFUSED
    assert gate.judge(found[:1], 2).verdict is Verdict.COULD_NOT_DECIDE, "one image was not looked at"


def test_the_prepared_network_computes_what_the_original_does(gated: Path) -> None:
    frame = np.full((300, 400, 3), (90, 60, 250), np.uint8)
    frame[::3] = (200, 30, 120)
    original = onnxruntime.InferenceSession(build_stand_in().SerializeToString(), providers=["CPUExecutionProvider"])
    expected = original.run(None, {"input": normalised(gate_pixels(frame, STAND_IN), STAND_IN)[None]})[0]
    np.testing.assert_allclose(scores(gated / "model.onnx", ContentGate(STAND_IN).images([frame])), expected, atol=1e-6)


def test_no_gate_is_said_by_the_placeholder_and_by_nothing_else(tmp_path: Path, gated: Path) -> None:
    none = ContentGate(None)
    said = scores(build_placeholder().SerializeToString(), none.images([GREY, MAGENTA]))
    assert none.judge(said, 2).allowed
    for other in (np.zeros((2, 1), np.float32), np.full((2, 2), np.nan, np.float32), said[:1], said[:0]):
        assert none.judge(other, 2).verdict is Verdict.COULD_NOT_DECIDE
    images = ContentGate(STAND_IN).images([GREY, MAGENTA])
    assert not none.judge(scores(gated / "model.onnx", images), 2).allowed, "a classifier whose settings are gone"


def test_a_placeholder_under_a_gates_settings_refuses() -> None:
    said = scores(build_placeholder().SerializeToString(), ContentGate(STAND_IN).images([GREY]))
    assert ContentGate(STAND_IN).judge(said, 1).verdict is Verdict.COULD_NOT_DECIDE


def test_where_a_gate_is_required_its_absence_is_an_error(tmp_path: Path) -> None:
    place_placeholder(tmp_path)
    assert installed_gate(tmp_path, OFF).config is None
    with pytest.raises(SettingsError, match="no gate is installed"):
        installed_gate(tmp_path, REQUIRED)


def changed(file: Path, **values: Any) -> None:
    held = json.loads(file.read_text())
    held["config"] |= values
    file.write_text(json.dumps(held))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "model.onnx").unlink(),
        lambda folder: (folder / "model.onnx").write_bytes(b"another"),
        lambda folder: (folder / "model.onnx").write_bytes(build_placeholder().SerializeToString()),
        lambda folder: (folder / "gate.json").write_text("{"),
        lambda folder: (folder / "gate.json").write_text("{}"),
        lambda folder: ((folder / "gate.json").unlink(), (folder / "gate.json").mkdir()),
        lambda folder: changed(folder / "gate.json", threshold=0),
        lambda folder: changed(folder / "gate.json", threshold=1.5),
        lambda folder: changed(folder / "gate.json", threshold="nan"),
        lambda folder: changed(folder / "gate.json", refused=["porn"]),
        lambda folder: changed(folder / "gate.json", refused=[]),
        lambda folder: changed(folder / "gate.json", size="large"),
    ],
)
def test_a_gate_that_is_broken_is_an_error(spoil: Any, gated: Path) -> None:
    spoil(gated)
    with pytest.raises(SettingsError) as caught:
        installed_gate(gated.parents[1], OFF)
    assert "content_gate" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 200, "crop_from": None}, "does not run"),
        ({"layout": "NCHW"}, "does not run"),
        ({"classes": ("a", "b", "magenta")}, "for 3 classes"),
    ],
)
def test_settings_that_do_not_fit_the_classifier_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(GatePreparationError, match=words):
        prepare_gate(build_stand_in(), STAND_IN.model_copy(update=change))


def test_the_command_installs_changes_and_removes(tmp_path: Path) -> None:
    place_placeholder(tmp_path)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, [*arguments, "--repository", str(tmp_path)])

    done = run("stand-in", "--threshold", "0.4", "--refuse", "magenta")
    assert (done.exit_code, done.output) == (0, "content gate: stand-in, refuses magenta from 0.4 on\n")
    config = installed_gate(tmp_path, REQUIRED).config
    assert config is not None
    assert config.threshold == 0.4
    for bad in (["stand-in", "--threshold", "2"], ["stand-in", "--refuse", "porn"], ["custom"], ["nonesuch"]):
        failed = run(*bad)
        assert (failed.exit_code, len(failed.output.splitlines())) == (1, 1)
    (tmp_path / "other.onnx").write_bytes(b"x")
    assert "sha256 differs" in run("open-nsfw", "--from", str(tmp_path / "other.onnx")).output
    assert installed_gate(tmp_path, REQUIRED).config == config, "a command that fails changes nothing"
    place_placeholder(tmp_path)
    assert installed_gate(tmp_path, REQUIRED).config == config, "a gate is not replaced by the placeholder"
    assert run("off").exit_code == 0
    assert installed_gate(tmp_path, OFF).config is None
    remove_gate(tmp_path)
