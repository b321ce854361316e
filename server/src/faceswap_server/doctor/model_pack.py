"""Check `pack`: every network is in the model repository with the sha256 in the pack's manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from faceswap_core.files.digests import file_sha256
from faceswap_models.checkout import NotACheckout

from faceswap_server.doctor.check import Result, broken, ok
from faceswap_server.doctor.context import Context

_PREPARE = (
    "`make pack` for the offline pack, `make models` for InsightFace's; in a container build the image again with "
    "--build-arg PACK=..."
)


def check_pack(context: Context) -> Result:
    """Compares the sha256 of every network with the manifest that preparation wrote."""
    try:
        repository = context.repository
    except NotACheckout as error:
        return broken(str(error), "set FACESWAP_MODEL_REPOSITORY, or run this in a checkout")
    manifest = _manifest(repository / "pack.json")
    if manifest is None:
        return broken(f"no model pack in {repository}", _PREPARE)
    name, recorded = str(manifest["pack"]), manifest["sha256"]
    size = 0
    for network, sha256 in sorted(recorded.items()):
        path = repository / network / "1" / "model.onnx"
        if not path.is_file():
            return broken(f"pack '{name}' is incomplete: {network}/1/model.onnx is missing", _PREPARE, pack=name)
        size += path.stat().st_size
        if file_sha256(path) != sha256:
            said = (
                f"pack '{name}': {network}/1/model.onnx ({path.stat().st_size} bytes) is not the file that was proven"
            )
            return broken(f"{said}: it was changed, or half written", _PREPARE, pack=name, network=network)
    said = f"{name}: {len(recorded)} networks, {size / 1e6:.1f} MB, each with the sha256 it was proven with"
    return ok(said, pack=name, networks=len(recorded), megabytes=round(size / 1e6, 1))


def _manifest(path: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        return manifest if manifest["pack"] and manifest["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
