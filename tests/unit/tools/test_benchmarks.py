"""What the benchmarks compare is the same work, and what they write is what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from faceswap_contract.names import PACK_NETWORKS
from faceswap_core.faces.letterbox import letterbox
from faceswap_models.checkout import Checkout
from faceswap_models.layout import lay_out_repository
from faceswap_models.offline.pack import prepare_offline_pack
from faceswap_tools.benchmarks.benchmark_packs import offline_benchmark_pack
from faceswap_tools.benchmarks.closed_loop import ClosedLoop, run_closed_loop
from faceswap_tools.benchmarks.config_variants import VARIANTS, apply_edits
from faceswap_tools.benchmarks.images import source_image, target_image
from faceswap_tools.benchmarks.insightface_stages import InsightfaceStages
from faceswap_tools.benchmarks.machine import measurement_facts
from faceswap_tools.benchmarks.marking_cost import measure_marking
from faceswap_tools.benchmarks.our_stages import OurStages
from faceswap_tools.benchmarks.pairing import alternate, summary
from faceswap_tools.benchmarks.report import write_report
from faceswap_tools.benchmarks.table import Row
from faceswap_tools.benchmarks.targets import at_most
from faceswap_tools.in_process import HEADS, InProcessPipeline


@pytest.fixture(scope="module")
def offline_pack() -> Path:
    return prepare_offline_pack(Checkout.find().packs / "offline")


@pytest.mark.parametrize(("frame", "faces", "crop_side"), [("720p", 1, 200), ("1080p", 6, 400)])
def test_ours_and_insightface_find_the_same_faces_of_the_wanted_size(
    offline_pack: Path, tmp_path: Path, frame: str, faces: int, crop_side: int
) -> None:
    pipeline = InProcessPipeline({name: offline_pack / f"{name}.onnx" for name in PACK_NETWORKS})
    target, source = target_image(frame, faces, crop_side), source_image()
    images = [letterbox(image.decoded())[0] for image in (source, target)]
    heads = pipeline.detect(np.stack(images))
    ours = OurStages(heads[0], heads[1], faces)
    flat = [[*each.scores, *each.boxes, *each.landmarks] for each in heads]
    theirs = InsightfaceStages(tmp_path, *flat)
    found = ours.detect(target.decoded(), heads[1])
    their_faces = theirs.detect(theirs.decode(target.jpeg), is_source=False)
    assert len(found) == faces
    for face, other in zip(found, their_faces, strict=True):
        np.testing.assert_array_equal(face.landmarks, other.kps)
    eye_distance = float(np.linalg.norm(found[0].landmarks[1] - found[0].landmarks[0]))
    assert eye_distance == pytest.approx(crop_side * 35.24 / 128, rel=0.15)  # ArcFace's eyes in a 128 crop
    assert ours.request(source.jpeg, target.jpeg)[:3] == theirs.request(source.jpeg, target.jpeg)[:3] == b"\xff\xd8\xff"


def test_insightface_gets_the_pack_s_networks_with_its_own_inputs(tmp_path: Path, offline_pack: Path) -> None:
    pack = offline_benchmark_pack(tmp_path)
    rng = np.random.default_rng(0)
    for name, side, mean, std in (("det_10g", 640, 127.5, 128.0), ("w600k_r50", 112, 127.5, 127.5)):
        image = rng.integers(0, 256, (1, side, side, 3), dtype=np.uint8)
        ours, theirs = _session(pack.ours / f"{name}.onnx"), _session(pack.theirs[name])
        blob = ((image.astype(np.float32) - np.float32(mean)) * np.float32(1 / std)).transpose(0, 3, 1, 2)
        outputs = list(HEADS) if name == "det_10g" else [ours.get_outputs()[0].name]
        expected = ours.run(outputs, {ours.get_inputs()[0].name: image})
        got = theirs.run(None, {theirs.get_inputs()[0].name: blob})
        for mine, other in zip(expected, got, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3 * max(1.0, float(np.abs(mine).max())))


def test_the_swapper_for_insightface_gives_floats_of_the_same_crop(tmp_path: Path, offline_pack: Path) -> None:
    pack = offline_benchmark_pack(tmp_path)
    rng = np.random.default_rng(0)
    crop = rng.integers(0, 256, (1, 128, 128, 3), dtype=np.uint8)
    latent = rng.standard_normal((1, 512)).astype(np.float32)
    latent /= np.linalg.norm(latent)
    (ours,) = _session(pack.ours / "inswapper_128.onnx").run(None, {"target": crop, "source": latent})
    blob = crop.transpose(0, 3, 1, 2).astype(np.float32) / 255
    (theirs,) = _session(pack.theirs["inswapper_128"]).run(None, {"target": blob, "source": latent})
    assert np.abs(theirs.transpose(0, 2, 3, 1) * 255 - ours).max() < 1.01


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_config_variant_fits_the_checkout_s_configs(name: str, tmp_path: Path, offline_pack: Path) -> None:
    repository = lay_out_repository(offline_pack, tmp_path / "repository")
    before = {path: path.read_text() for path in repository.glob("*/config.pbtxt")}
    apply_edits(repository, VARIANTS[name].edits)
    changed = {path.parent.name for path, text in before.items() if path.read_text() != text}
    assert changed <= {model for edit in VARIANTS[name].edits for model in edit.models}


def test_alternate_runs_every_way_once_a_round_and_once_to_warm() -> None:
    calls: list[str] = []
    measured = alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, seconds=0.0, rounds=(4, 9))
    assert calls == ["a", "b"] * 5
    assert measured["a"].rounds == 4


def test_summary_is_median_and_half_the_interquartile_range() -> None:
    measured = summary([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (measured.median, measured.spread) == (3.0, 1.0)


def test_a_closed_loop_keeps_its_number_in_flight_and_its_limit_of_requests() -> None:
    loop = run_closed_loop(lambda: None, 3, seconds=0.0, requests=(7, 7))
    assert (loop.in_flight, loop.requests) == (3, 7)
    assert ClosedLoop(1, 2.0, [float(n) for n in range(1, 102)]).percentile(95) == pytest.approx(96.0)


def test_a_closed_loop_raises_what_a_call_raised() -> None:
    def call() -> None:
        raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        run_closed_loop(call, 2, seconds=5.0)


def test_the_report_holds_facts_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "out" / "bench.json"
    rows = [at_most("a / b", 2.5, 0.1, "x", 2.0), Row("b", 1.0, 0.0, "CPU ms")]
    write_report(path, measurement_facts(Checkout.find().root), rows)
    report = json.loads(path.read_text())
    assert report["rows"][0] == {
        "name": "a / b", "value": 2.5, "spread": 0.1, "unit": "x", "target": "at most 2", "ok": False,
    }  # fmt: skip
    assert report["machine"]["cores"] >= 1
    assert report["versions"]["numpy"] == np.__version__
    assert set(report) >= {"measured_at", "commit", "changed"}
    assert [entry.name for entry in path.parent.iterdir()] == ["bench.json"]


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def test_the_cost_of_every_mark_is_measured() -> None:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
    rows = {row.name: row for row in measure_marking(seconds=0.01)}
    for part in ("label", "mark jpeg", "sign jpeg", "audit hash", "content gate, stand-in", "no content gate"):
        assert any(part in name for name in rows), part
    (added,) = (row for name, row in rows.items() if "bytes added, sign jpeg" in name)
    assert (added.ok, 1_000 < added.value < 15_000) == (True, True)
