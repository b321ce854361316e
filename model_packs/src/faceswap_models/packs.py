"""Model packs: prepared once into `.packs/<name>/`, then put into `model_repository/*/1/model.onnx`.

A pack is a directory with the four networks and `manifest.json`. Configs and steps never change with it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from faceswap_core.files.digests import file_sha256, sources_sha256
from faceswap_core.files.disk_errors import cannot_write

from faceswap_models import offline as offline_pack
from faceswap_models.checkout import Checkout
from faceswap_models.content_gate import place_placeholder
from faceswap_models.offline import build_offline_pack
from faceswap_models.onnx_graphs import identity_projection

NETWORKS = ("det_10g", "w600k_r50", "project_identity", "inswapper_128")
GATE = "content_gate"
MANIFEST = "manifest.json"


class PackError(Exception):
    """A pack is missing or incomplete; one line that says what to do."""


def prepare_offline_pack(directory: Path) -> Path:
    """Builds the offline pack into `directory` unless its files are there unchanged; returns `directory`."""
    return _prepare(directory, "offline", build_offline_pack)


def _builder_sha256() -> str:
    """Of the code that builds the offline pack: another version of it means another pack."""
    sources = [Path(identity_projection.__file__), *sorted(Path(offline_pack.__file__).parent.glob("*.py"))]
    return sources_sha256(sources)


def _prepare(directory: Path, name: str, build: Callable[[Path], object]) -> Path:
    builder = _builder_sha256()
    if _is_intact(directory, builder):
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=directory.parent))
    try:
        build(scratch)
        seal_pack(scratch, name, builder)
        shutil.rmtree(directory, ignore_errors=True)
        scratch.replace(directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return directory


def seal_pack(directory: Path, name: str, builder: str = "") -> None:
    """Writes the manifest of a pack whose networks are in place; `builder` identifies what made them."""
    manifest = {
        "pack": name,
        "builder": builder,
        "sha256": {network: file_sha256(_network(directory, network)) for network in NETWORKS},
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def _is_intact(directory: Path, builder: str) -> bool:
    try:
        manifest = json.loads((directory / MANIFEST).read_text())
        recorded = manifest["sha256"]
        return manifest["builder"] == builder and all(
            file_sha256(_network(directory, network)) == recorded[network] for network in NETWORKS
        )
    except (OSError, ValueError, KeyError):
        return False


def install_pack(pack: Path, repository: Path) -> None:
    """Puts a prepared pack's networks into a model repository, each by an atomic rename.

    Raises:
        PackError: a network is missing from the pack.
    """
    _install(pack, repository, _put)


def _install(pack: Path, repository: Path, put: Callable[[Path, Path], None]) -> None:
    for network in NETWORKS:
        source = _network(pack, network)
        if not source.is_file():
            raise PackError(f"pack '{pack.name}' has no {source.name}; prepare it again with `make pack`")
    for network in NETWORKS:
        target = repository / network / "1" / "model.onnx"
        target.parent.mkdir(parents=True, exist_ok=True)
        put(_network(pack, network), target)
    place_placeholder(repository)
    shutil.copyfile(pack / MANIFEST, repository / "pack.json")


def _put(source: Path, target: Path) -> None:
    if target.exists() and target.samefile(source):
        return  # a further link would be a change to servers that run: they would load the network again
    scratch = target.with_suffix(".part")
    scratch.unlink(missing_ok=True)
    try:
        try:
            os.link(source, scratch)  # half a gigabyte need not lie there twice
        except OSError:
            shutil.copyfile(source, scratch)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def lay_out_repository(pack: Path, repository: Path) -> Path:
    """Makes a second model repository: the checkout's configs and steps with another pack's networks, as soft links."""
    for model in Checkout.find().model_repository.iterdir():
        if model.is_dir():
            ignored = shutil.ignore_patterns("*.onnx", "__pycache__", "*.part", "gate.json")
            shutil.copytree(model, repository / model.name, ignore=ignored)
    _install(pack, repository, lambda source, target: target.symlink_to(source.resolve()))
    return repository


def installed_pack(repository: Path) -> str | None:
    """Name of the pack in a model repository, or None."""
    try:
        name = json.loads((repository / "pack.json").read_text()).get("pack")
    except (OSError, ValueError):
        return None
    complete = all((repository / network / "1" / "model.onnx").is_file() for network in (*NETWORKS, GATE))
    return str(name) if name and complete else None


def _network(pack: Path, name: str) -> Path:
    return pack / f"{name}.onnx"


def prepare_and_install_offline_pack() -> None:
    """Makes the checkout's model repository ready to serve without any download of weights.

    Raises:
        PackError: it cannot be written: a full disk, a read-only file system, no permission.
    """
    checkout = Checkout.find()
    pack, repository = checkout.packs / "offline", checkout.model_repository
    try:
        prepare_offline_pack(pack)
    except OSError as error:
        raise PackError(cannot_write(error, "the model pack", pack, "use a copy of the checkout elsewhere")) from None
    _install_or_say_why(pack, repository)


def _install_or_say_why(pack: Path, repository: Path) -> None:
    try:
        install_pack(pack, repository)
    except OSError as error:
        raise PackError(
            cannot_write(error, f"pack '{pack.name}' into", repository, "use a copy of the checkout elsewhere")
        ) from None


def main(arguments: Sequence[str]) -> int:
    """`python -m faceswap_models.packs [NAME]`: installs a prepared pack; by default keeps or prepares one."""
    checkout = Checkout.find()
    place_placeholder(checkout.model_repository)
    present = installed_pack(checkout.model_repository)
    wanted = arguments[0] if arguments else present or "offline"
    try:
        if wanted == "offline":
            prepare_and_install_offline_pack()
        elif arguments:
            _install_or_say_why(checkout.packs / wanted, checkout.model_repository)
    except PackError as error:
        sys.stderr.write(f"pack: {error}\n")
        return 1
    sys.stdout.write(f"model pack: {wanted}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
