"""The layout of a served model repository: from sources, a pack and a gate, in one piece or not at all."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from faceswap_contract.names import CONTENT_GATE, ENSEMBLES, NETWORKS, PACK_NETWORKS
from faceswap_models import layout
from faceswap_models.checkout import Checkout
from faceswap_models.content_gate import delete_gate
from faceswap_models.directory_lock import directory_lock
from faceswap_models.layout import lay_out_repository, served_pack
from faceswap_models.pack_manifest import PackError, installed_pack, network_file, seal_pack


def write_pack(directory: Path, content: bytes = b"network ") -> Path:
    directory.mkdir(parents=True)
    for network in PACK_NETWORKS:
        network_file(directory, network).write_bytes(content + network.encode())
    seal_pack(directory, directory.name)
    return directory


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "packs" / "small")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A model repository of one step and one network, with what must not come along."""
    root = tmp_path / "model_repository"
    for name in ("step", "det_10g", CONTENT_GATE):
        (root / name).mkdir(parents=True)
        (root / name / "config.pbtxt").write_text(f'name: "{name}"\n')
    (root / "step" / "1" / "__pycache__").mkdir(parents=True)
    (root / "step" / "1" / "model.py").write_text("step = 1\n")
    (root / "det_10g" / "1").mkdir()
    (root / "det_10g" / "1" / "model.onnx").write_bytes(b"left by an old version")
    (root / "pack.json").write_text("{}")
    return root


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_checkout_s_models_each_get_a_version_directory_and_the_pack_s_network(pack: Path, tmp_path: Path) -> None:
    before = files(Checkout.find().model_repository)
    repository = lay_out_repository(pack, tmp_path / "served" / "models")
    for model in (*ENSEMBLES, *NETWORKS):
        assert (repository / model / "1").is_dir(), model
        assert (repository / model / "config.pbtxt").read_text()
    for network in PACK_NETWORKS:
        assert (repository / network / "1" / "model.onnx").readlink() == network_file(pack, network)
    assert (repository / "det_10g" / "configs" / "cuda.pbtxt").is_file()
    assert installed_pack(repository) == served_pack(repository) == "small"
    assert [path.name for path in repository.parent.iterdir()] == ["models"], "nothing is left beside it"
    assert stat.S_IMODE(repository.stat().st_mode) & 0o055 == 0o055, "another user may read it"
    assert files(Checkout.find().model_repository) == before


def test_only_sources_come_along(pack: Path, sources: Path, tmp_path: Path) -> None:
    repository = lay_out_repository(pack, tmp_path / "served", sources=sources)
    assert not list(repository.rglob("__pycache__"))
    assert (repository / "det_10g" / "1" / "model.onnx").read_bytes() == b"network det_10g"
    assert (repository / "step" / "1" / "model.py").read_text() == "step = 1\n"


def test_a_changed_config_step_or_pack_is_laid_out_again(pack: Path, sources: Path, tmp_path: Path) -> None:
    repository = lay_out_repository(pack, tmp_path / "served", sources=sources)
    (sources / "step" / "1" / "model.py").write_text("step = 2\n")
    (sources / "det_10g" / "config.pbtxt").write_text('name: "det_10g" max_batch_size: 4\n')
    (sources / "step" / "config.pbtxt").unlink()
    lay_out_repository(pack, repository, sources=sources)
    assert (repository / "step" / "1" / "model.py").read_text() == "step = 2\n"
    assert "max_batch_size" in (repository / "det_10g" / "config.pbtxt").read_text()
    assert not (repository / "step" / "config.pbtxt").exists()
    other = write_pack(tmp_path / "packs" / "other", b"another ")
    lay_out_repository(other, repository, sources=sources)
    assert served_pack(repository) == "other"
    assert (repository / "det_10g" / "1" / "model.onnx").read_bytes() == b"another det_10g"


def test_what_would_not_change_is_not_touched(pack: Path, sources: Path, tmp_path: Path) -> None:
    """Neither the layout nor the pack's files: Triton loads a network again when its ctime changes."""
    repository = lay_out_repository(pack, tmp_path / "served", sources=sources)
    network = network_file(pack, "det_10g")
    before = repository.stat().st_ino, (repository / "step").stat().st_ino, network.stat().st_ctime_ns
    lay_out_repository(pack, repository, sources=sources)
    assert (repository.stat().st_ino, (repository / "step").stat().st_ino, network.stat().st_ctime_ns) == before


def test_a_failure_leaves_the_old_layout_and_nothing_else(
    pack: Path, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = lay_out_repository(pack, tmp_path / "served" / "models", sources=sources)
    before = files(repository)
    (sources / "step" / "1" / "model.py").write_text("step = 2\n")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layout, "_put_gate", full)
    with pytest.raises(PackError, match="the disk is full"):
        lay_out_repository(pack, repository, sources=sources)
    assert files(repository) == before
    assert [path.name for path in repository.parent.iterdir()] == ["models"]


def test_copies_stand_alone(pack: Path, tmp_path: Path) -> None:
    repository = lay_out_repository(pack, tmp_path / "served", copy=True)
    for network in PACK_NETWORKS:
        file = repository / network / "1" / "model.onnx"
        assert not file.is_symlink()
        assert not file.samefile(network_file(pack, network))
        assert file.read_bytes() == network_file(pack, network).read_bytes()
    assert served_pack(repository) is None


def test_a_gate_comes_along_and_goes_again(pack: Path, sources: Path, tmp_path: Path) -> None:
    repository, gate = tmp_path / "served", tmp_path / "gate"
    folder = repository / CONTENT_GATE / "1"
    lay_out_repository(pack, repository, gate=gate, sources=sources)
    placeholder = (folder / "model.onnx").read_bytes()
    gate.mkdir()
    (gate / "model.onnx").write_bytes(b"classifier")
    (gate / "gate.json").write_text("{}")
    lay_out_repository(pack, repository, gate=gate, sources=sources)
    assert (folder / "model.onnx").read_bytes() == b"classifier"
    assert (folder / "gate.json").read_text() == "{}"
    delete_gate(gate)
    lay_out_repository(pack, repository, gate=gate, sources=sources)
    assert (folder / "model.onnx").read_bytes() == placeholder
    assert not (folder / "gate.json").exists()


@pytest.mark.parametrize("left", ["model.onnx", "gate.json"])
def test_half_a_gate_is_laid_out_as_half_a_gate(left: str, pack: Path, sources: Path, tmp_path: Path) -> None:
    """Never as "no gate": a classifier without settings refuses everything, settings alone stop the start."""
    gate = tmp_path / "gate"
    gate.mkdir()
    (gate / left).write_text("half")
    folder = lay_out_repository(pack, tmp_path / "served", gate=gate, sources=sources) / CONTENT_GATE / "1"
    assert [path.name for path in folder.iterdir()] == [left]


def test_a_layout_waits_for_another_one(pack: Path, sources: Path, tmp_path: Path) -> None:
    repository = tmp_path / "served" / "models"
    repository.parent.mkdir()
    second = threading.Thread(target=lay_out_repository, args=(pack, repository), kwargs={"sources": sources})
    with directory_lock(repository.parent):
        second.start()
        second.join(0.5)
        assert second.is_alive()
        assert list(repository.parent.iterdir()) == []
    second.join(30)
    assert served_pack(repository) == "small"


def test_two_at_once_end_in_one_whole_layout(pack: Path, sources: Path, tmp_path: Path) -> None:
    other = write_pack(tmp_path / "packs" / "other", b"another ")
    repository = tmp_path / "served" / "models"
    threads = [
        threading.Thread(target=lay_out_repository, args=(each, repository), kwargs={"sources": sources})
        for each in (pack, other) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert installed_pack(repository) is None or installed_pack(repository) in {"small", "other"}
    found = {(repository / network / "1" / "model.onnx").readlink().parent.name for network in PACK_NETWORKS}
    assert found == {served_pack(repository)}
    assert [path.name for path in repository.parent.iterdir()] == ["models"]
