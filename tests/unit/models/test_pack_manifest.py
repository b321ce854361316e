"""The manifest of a model pack: what is accepted, what is refused and with which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faceswap_contract.names import PACK_NETWORKS
from faceswap_models.pack_manifest import (
    FORMAT,
    INSTALLED,
    MANIFEST,
    PackError,
    installed_pack,
    is_intact,
    network_file,
    read_manifest,
    seal_pack,
)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A sealed pack whose networks are a few bytes."""
    directory = tmp_path / "insightface"
    directory.mkdir()
    for number, network in enumerate(PACK_NETWORKS):
        network_file(directory, network).write_bytes(bytes([number]))
    seal_pack(directory, "insightface", "the builder")
    return directory


def refusal(pack: Path) -> str:
    with pytest.raises(PackError) as caught:
        read_manifest(pack)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change(pack: Path, **fields: object) -> None:
    path = pack / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_what_was_sealed_is_read(pack: Path) -> None:
    manifest = read_manifest(pack)
    assert (manifest.pack, manifest.builder) == ("insightface", "the builder")
    assert set(manifest.sha256) == set(PACK_NETWORKS)
    assert not list(pack.glob("*.part"))


@pytest.mark.parametrize("version", [1, FORMAT + 1, None])
def test_a_pack_of_another_format_is_refused_with_the_command_that_makes_it_anew(
    version: int | None, pack: Path
) -> None:
    change(pack, format=version)
    assert refusal(pack) == "pack 'insightface' was prepared by another version; prepare it again: make models"


def test_an_offline_pack_of_version_0_1_has_no_format_and_is_refused(pack: Path) -> None:
    offline = pack.rename(pack.with_name("offline"))
    manifest = json.loads((offline / MANIFEST).read_text())
    del manifest["format"]
    (offline / MANIFEST).write_text(json.dumps(manifest))
    assert refusal(offline).endswith("prepare it again: make pack")
    assert not is_intact(offline, "the builder")


def test_a_missing_pack_and_a_missing_network_are_named(pack: Path, tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == f"there is no pack in {tmp_path / 'none'}; prepare it: make models"
    network_file(pack, "w600k_r50").unlink()
    assert "has no w600k_r50.onnx" in refusal(pack)


@pytest.mark.parametrize("text", ["", "[]", '{"pack": "x"}', "\xff"])
def test_a_manifest_that_is_none_is_refused(text: str, pack: Path) -> None:
    (pack / MANIFEST).write_bytes(text.encode("latin-1"))
    assert "manifest.json cannot be read" in refusal(pack)


def test_a_changed_network_or_builder_is_noticed(pack: Path) -> None:
    assert is_intact(pack, "the builder")
    assert not is_intact(pack, "another builder")
    network_file(pack, "det_10g").write_bytes(b"changed")
    assert not is_intact(pack, "the builder")


def test_a_repository_without_pack_json_or_without_a_network_has_no_pack(tmp_path: Path) -> None:
    assert installed_pack(tmp_path) is None
    (tmp_path / INSTALLED).write_text('{"pack": "offline"}')
    assert installed_pack(tmp_path) is None, "the networks are missing"
