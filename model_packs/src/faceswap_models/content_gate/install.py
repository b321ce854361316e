"""Puts gates into a model repository. Between its two files a crash leaves a repository that refuses or does not start.

The classifier is written before its settings, and the settings go before the classifier: a classifier without
settings refuses everything.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from faceswap_core.files.digests import file_sha256
from faceswap_core.provenance.gate.decision import GateConfig
from faceswap_core.provenance.gate.installed import MODEL, NETWORK_FILE, SETTINGS_FILE, GateFile

from faceswap_models.content_gate.networks import build_placeholder
from faceswap_models.content_gate.prepare import prepare_gate


def install_gate(repository: Path, original: onnx.ModelProto, config: GateConfig, name: str) -> GateFile:
    """Prepares a classifier and installs it; returns what `gate.json` says.

    Raises:
        GatePreparationError: see `prepare_gate`; the repository is as it was.
    """
    folder = repository / MODEL / "1"
    prepared = prepare_gate(original, config).SerializeToString(deterministic=True)
    (folder / SETTINGS_FILE).unlink(missing_ok=True)
    _write(folder / NETWORK_FILE, prepared)
    settings = GateFile(name=name, network_sha256=file_sha256(folder / NETWORK_FILE), config=config)
    _write(folder / SETTINGS_FILE, (settings.model_dump_json(indent=1) + "\n").encode())
    return settings


def remove_gate(repository: Path) -> None:
    """Puts the placeholder in a gate's place."""
    folder = repository / MODEL / "1"
    (folder / SETTINGS_FILE).unlink(missing_ok=True)
    _write(folder / NETWORK_FILE, build_placeholder().SerializeToString(deterministic=True))


def place_placeholder(repository: Path) -> None:
    """Puts the placeholder where neither a gate nor a placeholder is; what is there stays."""
    folder = repository / MODEL / "1"
    if not (folder / NETWORK_FILE).is_file() and not (folder / SETTINGS_FILE).exists():
        remove_gate(repository)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    scratch.write_bytes(content)
    scratch.replace(path)
