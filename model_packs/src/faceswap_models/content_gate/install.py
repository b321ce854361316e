"""Installs a content gate into a folder of two files, `model.onnx` and `gate.json`.

The classifier is written before its settings, and the settings are removed before the classifier: after a crash in
between there is a classifier without settings, which refuses everything.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
from faceswap_core.files.digests import file_sha256
from faceswap_core.provenance.gate.decision import GateConfig
from faceswap_core.provenance.gate.installed import MODEL, NETWORK_FILE, SETTINGS_FILE, GateFile

from faceswap_models.content_gate.networks import build_placeholder
from faceswap_models.content_gate.prepare import prepare_gate


def write_gate(folder: Path, original: onnx.ModelProto, config: GateConfig, name: str) -> GateFile:
    """Prepares a classifier and writes it with its settings into `folder`, replacing a gate that is there.

    Returns:
        What `gate.json` says.

    Raises:
        GatePreparationError: see `prepare_gate`; the folder is as it was.
        OSError: it cannot be written.
    """
    prepared = prepare_gate(original, config).SerializeToString(deterministic=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS_FILE).unlink(missing_ok=True)
    _write(folder / NETWORK_FILE, prepared)
    settings = GateFile(name=name, network_sha256=file_sha256(folder / NETWORK_FILE), config=config)
    _write(folder / SETTINGS_FILE, (settings.model_dump_json(indent=1) + "\n").encode())
    return settings


def delete_gate(folder: Path) -> None:
    """Deletes what `write_gate` wrote; nothing where there is none."""
    (folder / SETTINGS_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def install_gate(repository: Path, original: onnx.ModelProto, config: GateConfig, name: str) -> GateFile:
    """Prepares a classifier and installs it into a model repository that is laid out; see `write_gate`."""
    return write_gate(repository / MODEL / "1", original, config, name)


def remove_gate(repository: Path) -> None:
    """Puts the placeholder network, which means "no gate", into a model repository."""
    folder = repository / MODEL / "1"
    (folder / SETTINGS_FILE).unlink(missing_ok=True)
    _write(folder / NETWORK_FILE, build_placeholder().SerializeToString(deterministic=True))


def place_placeholder(repository: Path) -> None:
    """Puts the placeholder into a model repository that has neither a gate nor a placeholder."""
    folder = repository / MODEL / "1"
    if not (folder / NETWORK_FILE).is_file() and not (folder / SETTINGS_FILE).exists():
        remove_gate(repository)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    scratch.write_bytes(content)
    scratch.replace(path)
