"""Layout of a model repository to serve: configs and steps of the checkout, networks of a pack, a content gate.

The checkout's `model_repository/` is only read. A layout is built beside its place and then renamed, and one that
would not change stays untouched. Networks are symbolic links to the pack, or copies where the layout has to stand
alone; a hard link would change the file's ctime, which makes every Triton that serves it load the network again.
"""

from __future__ import annotations

import filecmp
import shutil
import tempfile
from pathlib import Path

from faceswap_contract.names import CONTENT_GATE, DETECTOR, PACK_NETWORKS
from faceswap_core.files.disk_errors import cannot_write
from faceswap_core.provenance.gate.installed import NETWORK_FILE, SETTINGS_FILE

from faceswap_models.checkout import Checkout
from faceswap_models.content_gate import place_placeholder
from faceswap_models.directory_lock import directory_lock
from faceswap_models.pack_manifest import INSTALLED, MANIFEST, PackError, network_file, read_manifest

_NOT_SOURCES = ("*.onnx", "*.part", "__pycache__", ".gitkeep", INSTALLED, SETTINGS_FILE)
"""What a running server, a layout of version 0.1 or an editor leaves in model_repository/."""


def lay_out_repository(
    pack: Path, repository: Path, *, gate: Path | None = None, copy: bool = False, sources: Path | None = None
) -> Path:
    """Lays out a model repository with a pack at `repository`, replacing what is there.

    Args:
        pack: directory of a prepared pack.
        repository: the model repository to write; its parent is made.
        gate: directory with a prepared gate's `model.onnx` and `gate.json`, or None; without either file the layout
            gets the placeholder network, which means "no gate".
        copy: copy the networks, so that the layout depends on nothing else; else they are symbolic links.
        sources: folder of configs and steps; None takes the checkout's `model_repository/`.

    Returns:
        `repository`.

    Raises:
        PackError: the pack is missing, incomplete or from another version, or the layout cannot be written.
        NotACheckout: `sources` is None and there is no checkout.
    """
    read_manifest(pack)
    if sources is None:
        sources = Checkout.find().model_repository
    try:
        repository.parent.mkdir(parents=True, exist_ok=True)
        with directory_lock(repository.parent):
            _lay_out(sources, pack, repository, gate, copy)
    except OSError as error:
        remedy = "use a copy of the checkout elsewhere"
        raise PackError(cannot_write(error, f"pack '{pack.name}' into", repository, remedy)) from None
    return repository


def served_pack(repository: Path) -> str | None:
    """The directory name of the pack that a layout with links was made from, or None."""
    try:
        return _network(repository, DETECTOR).readlink().parent.name
    except OSError:
        return None


def _lay_out(sources: Path, pack: Path, repository: Path, gate: Path | None, copy: bool) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=f".{repository.name}-", dir=repository.parent))
    try:
        built = scratch / "new"
        _copy_sources(sources, built)
        for network in PACK_NETWORKS:
            _put(network_file(pack, network), _network(built, network), copy)
        _put_gate(gate, built, copy)
        shutil.copyfile(pack / MANIFEST, built / INSTALLED)
        if not _same(built, repository):
            if repository.exists():
                repository.replace(scratch / "old")
            built.replace(repository)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _copy_sources(sources: Path, repository: Path) -> None:
    """Configs and steps; every model gets a version directory, without which Triton does not see an ensemble."""
    repository.mkdir()
    for model in sorted(sources.iterdir()):
        if model.is_dir():
            shutil.copytree(model, repository / model.name, ignore=shutil.ignore_patterns(*_NOT_SOURCES))
            (repository / model.name / "1").mkdir(exist_ok=True)


def _put_gate(gate: Path | None, repository: Path, copy: bool) -> None:
    """Both files, as far as they exist: a classifier without its settings has to refuse, not to disappear."""
    folder = repository / CONTENT_GATE / "1"
    if gate is not None and (gate / NETWORK_FILE).is_file():
        _put(gate / NETWORK_FILE, folder / NETWORK_FILE, copy)
    if gate is not None and (gate / SETTINGS_FILE).is_file():
        shutil.copyfile(gate / SETTINGS_FILE, folder / SETTINGS_FILE)
    place_placeholder(repository)


def _put(source: Path, target: Path, copy: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if copy:
        shutil.copyfile(source, target)
    else:
        target.symlink_to(source.resolve())


def _network(repository: Path, name: str) -> Path:
    return repository / name / "1" / NETWORK_FILE


def _same(one: Path, other: Path) -> bool:
    """Whether two trees hold the same files; a link is compared by where it points."""
    names = {path.relative_to(one) for path in one.rglob("*")}
    if not other.is_dir() or names != {path.relative_to(other) for path in other.rglob("*")}:
        return False
    for name in names:
        here, there = one / name, other / name
        if here.is_symlink() != there.is_symlink() or here.is_dir() != there.is_dir():
            return False
        if here.is_symlink():
            if here.readlink() != there.readlink():
                return False
        elif here.is_file() and not filecmp.cmp(here, there, shallow=False):
            return False
    return True
