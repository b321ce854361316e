"""Lays out a backend directory for a tritonserver that has no onnxruntime backend."""

from __future__ import annotations

import shutil
from pathlib import Path

STUB = "triton_python_backend_stub"


def lay_out_backends(python: Path, stub: Path, onnxruntime: Path, directory: Path) -> None:
    """Fills `directory` so that it is a Triton backend directory with `python` and `onnxruntime`.

    Copies, not links: Triton refuses a library that lies outside its backend directory.

    Args:
        python: the server's Python backend.
        stub: its stub, for one version of Python.
        onnxruntime: our Python-based onnxruntime backend.
        directory: does not exist yet.
    """
    shutil.copytree(python, directory / "python")
    shutil.copy2(stub, directory / "python" / STUB)
    (directory / "python" / STUB).chmod(0o755)  # wheels lose the executable bit with some installers
    (directory / "onnxruntime").mkdir()
    shutil.copy2(onnxruntime / "model.py", directory / "onnxruntime" / "model.py")
