"""A tritonserver that is not pip's to those who look for it: pip's binary, laid out like /opt/tritonserver."""

from __future__ import annotations

import shutil
from pathlib import Path

from faceswap_server.triton.backends import STUB
from faceswap_server.triton.bundled import find_bundled_triton


def lay_out_native_home(home: Path) -> Path:
    """Fills `home` with bin/, lib/ and backends/python, as NVIDIA's image has them; no onnxruntime backend."""
    bundled = find_bundled_triton()
    (home / "bin").mkdir(parents=True)
    shutil.copy2(bundled.executable, home / "bin")
    (home / "lib").mkdir()
    for directory in (bundled.libraries, bundled.libpython_directory):
        for library in () if directory is None else directory.glob("lib*.so*"):
            (home / "lib" / library.name).symlink_to(library)
    python = home / "backends" / "python"
    shutil.copytree(bundled.home / "backends" / "python", python)
    shutil.copy2(bundled.stub, python / STUB)
    (python / STUB).chmod(0o755)
    return home
