"""Model pack on disk: a directory with four ONNX networks and `manifest.json`, which names the pack and their sha256.

Nothing here needs onnx: a server reads manifests, preparing a pack is another matter.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faceswap_contract.names import NETWORKS, PACK_NETWORKS
from faceswap_core.files.digests import file_sha256

MANIFEST = "manifest.json"
"""In the directory of a pack."""
INSTALLED = "pack.json"
"""The same file in a model repository that has the pack."""
FORMAT = 2
"""Of packs and manifests. 2: the detector's input is called `image`; it was `picture` in 1."""


class PackError(Exception):
    """A pack is missing, incomplete or out of date; one line that says what to do."""


@dataclass(frozen=True, slots=True)
class PackManifest:
    """What `manifest.json` says.

    Attributes:
        pack: the pack's name.
        sha256: network name -> sha256 of its file, in hexadecimal.
        builder: sha256 of the code that built the pack; empty where that does not matter.
    """

    pack: str
    sha256: dict[str, str] = field(default_factory=dict)
    builder: str = ""


def network_file(pack: Path, network: str) -> Path:
    """The path of a network in a pack's directory."""
    return pack / f"{network}.onnx"


def seal_pack(directory: Path, name: str, builder: str = "") -> None:
    """Writes the manifest of a pack whose networks are in place; `builder` identifies the code that made them."""
    manifest = {
        "format": FORMAT,
        "pack": name,
        "builder": builder,
        "sha256": {network: file_sha256(network_file(directory, network)) for network in PACK_NETWORKS},
    }
    scratch = directory / f"{MANIFEST}.part"
    scratch.write_text(json.dumps(manifest, indent=1) + "\n")
    scratch.replace(directory / MANIFEST)


def read_manifest(directory: Path) -> PackManifest:
    """The manifest of the pack in `directory`, all of whose networks are present.

    Raises:
        PackError: there is no pack, a network is missing, or the pack was prepared by an earlier version.
    """
    prepare = "make pack" if directory.name == "offline" else "make models"
    try:
        found: dict[str, Any] = json.loads((directory / MANIFEST).read_text())
        manifest = PackManifest(str(found["pack"]), dict(found["sha256"]), str(found.get("builder", "")))
        version = found.get("format")
    except FileNotFoundError:
        raise PackError(f"there is no pack in {directory}; prepare it: {prepare}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise PackError(f"{directory / MANIFEST} cannot be read; prepare the pack again: {prepare}") from None
    if version != FORMAT:
        raise PackError(f"pack '{directory.name}' was prepared by another version; prepare it again: {prepare}")
    for network in PACK_NETWORKS:
        if not network_file(directory, network).is_file():
            raise PackError(f"pack '{directory.name}' has no {network}.onnx; prepare it again: {prepare}")
    return manifest


def is_intact(directory: Path, builder: str) -> bool:
    """Whether the pack in `directory` was made by `builder` and every network has the sha256 that was recorded."""
    try:
        manifest = read_manifest(directory)
        return manifest.builder == builder and all(
            file_sha256(network_file(directory, network)) == manifest.sha256[network] for network in PACK_NETWORKS
        )
    except (PackError, OSError, KeyError):
        return False


def installed_pack(repository: Path) -> str | None:
    """Name of the pack in a model repository that holds every network, or None."""
    try:
        name = json.loads((repository / INSTALLED).read_text()).get("pack")
    except (OSError, ValueError, AttributeError):
        return None
    complete = all((repository / network / "1" / "model.onnx").is_file() for network in NETWORKS)
    return str(name) if name and complete else None
