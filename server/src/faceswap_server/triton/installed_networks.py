"""Verifies the networks of a model repository against their pack's checksums.

Asked only after a start has failed: it reads every byte of them.
"""

from __future__ import annotations

import json
from pathlib import Path

from faceswap_core.files.digests import file_sha256


def network_fault(repository: Path) -> str | None:
    """The first network that is missing or not as installed, in one line, or None.

    None too when the repository has no `pack.json`, or one that cannot be read.
    """
    try:
        manifest = json.loads((repository / "pack.json").read_text())
        pack, recorded = str(manifest["pack"]), dict(manifest["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    again = f"install the pack '{pack}' again (`make pack` or `make models`)"
    for network, digest in recorded.items():
        if not (repository / network).is_dir():
            continue  # a repository with fewer models than the pack has networks
        file = repository / network / "1" / "model.onnx"
        try:
            if file_sha256(file) != digest:
                size = file.stat().st_size
                return f"{file} is damaged or half-written ({size} bytes, not the file of its pack): {again}"
        except FileNotFoundError:
            return f"{file} is missing: {again}"
        except OSError as error:
            return f"{file} cannot be read ({error.strerror}): {again}"
    return None
