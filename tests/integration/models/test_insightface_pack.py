"""The pack from end to end: originals found, prepared, proven and installed; the command line."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from faceswap_models.insightface import (
    PACKS,
    PREPARED_FILES,
    Archive,
    DownloadError,
    MissingOriginalsError,
    OriginalFile,
    OutputOccupiedError,
    Pack,
    WrongFileError,
    extract_archive,
    find_originals,
    prepare_insightface_pack,
)
from faceswap_models.insightface import __main__ as command
from faceswap_models.onnx_graphs import GraphNotKnownError, read_emap
from typer.testing import CliRunner

RUNNER = CliRunner()


def _original(name: str, content: bytes) -> OriginalFile:
    return OriginalFile(name, len(content), hashlib.sha256(content).hexdigest())


# Small stand-ins: finding and unpacking looks at names, sizes and hashes only.
CONTENTS = {"det_10g.onnx": b"detector", "w600k_r50.onnx": b"recogniser", "inswapper_128.onnx": b"swapper"}
DETECTOR, RECOGNISER, SWAPPER = (_original(name, content) for name, content in CONTENTS.items())
SMALL_PACK = Pack(
    "buffalo_l",
    DETECTOR,
    RECOGNISER,
    SWAPPER,
    (Archive(_original("buffalo_l.zip", b""), (DETECTOR, RECOGNISER)),),
)


def _zip(path: Path, contents: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("pack_places", "swapper_place", "given"),
    [
        ("", "", ""),
        ("models/buffalo_l", "models", ""),  # ~/.insightface
        ("buffalo_l", "", ""),  # ~/.insightface/models
        ("models/buffalo_l", "models", "models/buffalo_l"),  # the pack's own directory
    ],
)
def test_originals_are_found_where_insightface_keeps_them(
    tmp_path: Path, pack_places: str, swapper_place: str, given: str
) -> None:
    for name, content in CONTENTS.items():
        place = tmp_path / (swapper_place if name == SWAPPER.name else pack_places)
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    found = find_originals(SMALL_PACK, tmp_path / given, tmp_path / "scratch")
    assert {name: path.read_bytes() for name, path in found.items()} == CONTENTS
    assert not (tmp_path / "scratch").exists(), "nothing had to be unpacked"


def test_originals_are_unpacked_from_a_zip_file(tmp_path: Path) -> None:
    members = {f"buffalo_l/{name}": CONTENTS[name] for name in ("det_10g.onnx", "w600k_r50.onnx")}
    _zip(tmp_path / "models" / "buffalo_l.zip", {**members, "buffalo_l/genderage.onnx": b"unused"})
    (tmp_path / "models" / SWAPPER.name).write_bytes(b"swapper")
    found = find_originals(SMALL_PACK, tmp_path, tmp_path / "scratch")
    assert {name: path.read_bytes() for name, path in found.items()} == CONTENTS
    assert sorted(path.name for path in (tmp_path / "scratch").iterdir()) == ["det_10g.onnx", "w600k_r50.onnx"]


def test_missing_originals_are_named_with_the_places_looked_at(tmp_path: Path) -> None:
    (tmp_path / DETECTOR.name).write_bytes(b"detector")
    with pytest.raises(MissingOriginalsError) as failure:
        find_originals(SMALL_PACK, tmp_path, tmp_path / "scratch")
    assert "does not hold w600k_r50.onnx, inswapper_128.onnx (nor buffalo_l.zip" in str(failure.value)
    assert str(tmp_path) in str(failure.value)
    assert "det_10g.onnx" not in str(failure.value)


def test_a_wrong_or_missing_zip_member_is_named(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", {"det_10g.onnx": b"Detector", "w600k_r50.onnx": b"recogniser!"})
    with pytest.raises(WrongFileError, match=r"is not the published det_10g.onnx: sha256 "):
        extract_archive(path, [DETECTOR], tmp_path / "out")
    with pytest.raises(WrongFileError, match="w600k_r50.onnx in a.zip has 11 bytes, published are 10"):
        extract_archive(path, [RECOGNISER], tmp_path / "out")
    with pytest.raises(WrongFileError, match="a.zip holds no inswapper_128.onnx"):
        extract_archive(path, [SWAPPER], tmp_path / "out")


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", {"det_10g.onnx": bytes(50_000_000)})
    with pytest.raises(WrongFileError, match="has 50000000 bytes"):
        extract_archive(path, [DETECTOR], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_half_a_zip_file_is_named(tmp_path: Path) -> None:
    whole = _zip(tmp_path / "a.zip", {"det_10g.onnx": b"detector"}).read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-30])
    with pytest.raises(WrongFileError, match="a.zip is not a complete zip file"):
        extract_archive(tmp_path / "a.zip", [DETECTOR], tmp_path / "out")


def test_published_facts_are_well_formed() -> None:
    files = [file for pack in PACKS.values() for file in pack.originals]
    files += [archive.file for pack in PACKS.values() for archive in pack.archives]
    for file in files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.size > 1_000_000
        assert all(url.startswith("https://") and url.endswith(file.name) for url in file.urls)
    assert len({file.sha256 for file in files}) == len({file.name for file in files})
    for pack in PACKS.values():
        assert pack.swapper.urls
        for archive in pack.archives:
            assert archive.file.urls
            assert archive.members == (pack.detector, pack.recogniser)


def test_a_file_of_another_hash_is_named_and_nothing_is_written(random_detector: Path, tmp_path: Path) -> None:
    files = {original.name: random_detector for original in PACKS["buffalo_l"].originals}
    with pytest.raises(WrongFileError, match=r"det_10g.onnx is not the published det_10g.onnx: sha256 "):
        prepare_insightface_pack(PACKS["buffalo_l"], files, tmp_path / "pack")
    assert list(tmp_path.iterdir()) == []


def test_another_network_under_the_name_is_refused_and_the_old_pack_stays(
    random_recogniser: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "pack"
    directory.mkdir()
    (directory / "manifest.json").write_text("old")
    files = {original.name: random_recogniser for original in PACKS["buffalo_l"].originals}
    with pytest.raises(WrongFileError, match="has the graph of w600k_r50, not of det_10g"):
        prepare_insightface_pack(PACKS["buffalo_l"], files, directory, require_published_hashes=False)
    assert [path.name for path in tmp_path.rglob("*")] == ["pack", "manifest.json"]
    assert (directory / "manifest.json").read_text() == "old"


def test_an_output_directory_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputOccupiedError, match="holds thesis.txt, so it is not a pack"):
        prepare_insightface_pack(PACKS["buffalo_l"], {}, tmp_path)
    assert (tmp_path / "thesis.txt").exists()


@pytest.fixture(scope="module")
def random_weights_pack(
    random_detector: Path, random_recogniser: Path, random_swapper: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A pack of random-weight networks, found in a directory laid out like ~/.insightface, over an older one."""
    home = tmp_path_factory.mktemp("insightface")
    (home / "models" / "buffalo_l").mkdir(parents=True)
    for network in (random_detector, random_recogniser):
        (home / "models" / "buffalo_l" / network.name).symlink_to(network)
    (home / "models" / random_swapper.name).symlink_to(random_swapper)
    directory = tmp_path_factory.mktemp("packs") / "insightface"
    directory.mkdir()
    (directory / "manifest.json").write_text("an older pack")
    pack = PACKS["buffalo_l"]
    manifest = prepare_insightface_pack(
        pack,
        find_originals(pack, home, home / "scratch"),
        directory,
        require_published_hashes=False,
        batch_sizes=(2,),
    )
    return directory, manifest


@pytest.mark.timeout(1200)  # 40 s of processor time, mostly inswapper's; more where others use the machine
def test_a_whole_pack_is_installed_with_its_manifest(random_weights_pack: tuple[Path, dict[str, Any]]) -> None:
    directory, manifest = random_weights_pack
    assert sorted(path.name for path in directory.iterdir()) == sorted([*PREPARED_FILES, "manifest.json"])
    assert [path.name for path in directory.parent.iterdir()] == ["insightface"], "scratch was left behind"
    assert json.loads((directory / "manifest.json").read_text()) == manifest
    assert manifest["variant"] == "buffalo_l"
    assert "non-commercial" in manifest["licence"]
    assert set(manifest["networks"]) == set(PREPARED_FILES)
    for name, network in manifest["networks"].items():
        content = (directory / name).read_bytes()
        assert network["sha256"] == hashlib.sha256(content).hexdigest() == manifest["sha256"][Path(name).stem]
        assert network["bytes"] == len(content)
        assert network["changes"]
        assert all(row["max_abs_difference"] <= row["bound"] for row in network["proof"])
    swapper = manifest["networks"]["inswapper_128.onnx"]
    assert swapper["source"]["sha256_is_published"] is False
    assert [row["max_abs_difference"] for row in swapper["proof"]] == [0.0]


def test_the_packs_projection_uses_the_swappers_emap(
    random_weights_pack: tuple[Path, dict[str, Any]], random_swapper: Path
) -> None:
    session = onnxruntime.InferenceSession(
        str(random_weights_pack[0] / "project_identity.onnx"), providers=["CPUExecutionProvider"]
    )
    embedding = np.random.default_rng(2).standard_normal((1, 512)).astype(np.float32)
    latent, _ = session.run(None, {"embedding": embedding, "face_source": np.array([0], np.int32)})
    expected = embedding / np.linalg.norm(embedding) @ read_emap(onnx.load(random_swapper))
    assert np.abs(latent - expected / np.linalg.norm(expected)).max() < 1e-6


def test_a_pack_with_a_tampered_graph_is_not_installed(
    random_detector: Path, random_recogniser: Path, tmp_path: Path
) -> None:
    model = onnx.load(random_recogniser)
    model.graph.node.append(onnx.helper.make_node("Relu", ["683"], ["extra"]))
    onnx.save(model, tmp_path / "w600k_r50.onnx")
    files = {
        "det_10g.onnx": random_detector,
        "w600k_r50.onnx": tmp_path / "w600k_r50.onnx",
        "inswapper_128.onnx": tmp_path / "never read",
    }
    with pytest.raises(GraphNotKnownError, match="1 Relu nodes, in w600k_r50 0"):
        prepare_insightface_pack(
            PACKS["buffalo_l"], files, tmp_path / "pack", require_published_hashes=False, batch_sizes=(2,)
        )
    assert not (tmp_path / "pack").exists()


def test_the_small_pack_has_the_same_names(det_500m: Path) -> None:
    """det_500m's published hash is the one fact that can be checked here."""
    assert hashlib.sha256(det_500m.read_bytes()).hexdigest() == PACKS["buffalo_s"].detector.sha256
    assert det_500m.stat().st_size == PACKS["buffalo_s"].detector.size


def test_without_consent_the_licence_is_shown_and_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "download_file", lambda *_, **__: pytest.fail("downloaded without consent"))
    result = RUNNER.invoke(command.app, ["--output", str(tmp_path / "pack")])
    assert result.exit_code == command.LICENCE_NOT_ACCEPTED == 3
    assert "NON-COMMERCIAL RESEARCH" in result.stdout
    assert "contact@insightface.ai" in result.stdout
    assert "recognition-oss-pack@insightface.ai" in result.stdout
    assert "--accept-license" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_without_network_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "http://127.0.0.1:9/buffalo_l.zip"  # the discard port: nobody listens
    pack = PACKS["buffalo_l"]
    archive = replace(pack.archives[0], file=replace(pack.archives[0].file, urls=(nowhere,)))
    monkeypatch.setattr(command, "PACKS", {"buffalo_l": replace(pack, archives=(archive,))})
    arguments = ["--accept-license", "--output", str(tmp_path / "pack"), "--downloads", str(tmp_path / "downloads")]
    result = RUNNER.invoke(command.app, arguments)
    assert result.exit_code == command.FILES_UNAVAILABLE == 4
    told = [line for line in result.stderr.splitlines() if "could not be downloaded" in line]
    assert len(told) == 1
    assert told[0].startswith("buffalo_l.zip could not be downloaded: 127.0.0.1: not reached")
    assert "--from" in told[0]
    assert "offline pack" in told[0]
    assert "Traceback" not in result.output
    assert not (tmp_path / "pack").exists()


def test_missing_and_wrong_files_have_their_exit_codes(tmp_path: Path) -> None:
    arguments = ["--accept-license", "--output", str(tmp_path / "pack"), "--from", str(tmp_path)]
    result = RUNNER.invoke(command.app, arguments)
    assert result.exit_code == 4
    assert "does not hold det_10g.onnx, w600k_r50.onnx, inswapper_128.onnx" in result.stderr
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    result = RUNNER.invoke(command.app, arguments)
    assert result.exit_code == 5
    assert "is not the published det_10g.onnx" in result.stderr
    assert not (tmp_path / "pack").exists()


def test_the_small_pack_takes_the_second_archive_where_the_first_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(file: OriginalFile, directory: Path, **_: object) -> Path:
        asked.append(file.name)
        if file.name == "buffalo_sc.zip":
            raise DownloadError(file.name, {"HTTP 404": ["github.com"]})
        return _zip(directory / file.name, {"det_500m.onnx": b"detector", "w600k_mbf.onnx": b"recogniser"})

    monkeypatch.setattr(command, "download_file", download)
    arguments = ["--accept-license", "--pack", "buffalo_s", "--output", str(tmp_path / "pack")]
    result = RUNNER.invoke(command.app, [*arguments, "--downloads", str(tmp_path)])
    assert asked == ["buffalo_sc.zip", "buffalo_s.zip"]
    assert result.exit_code == 5
    assert "det_500m.onnx in buffalo_s.zip has 8 bytes, published are 2524817" in result.stderr
