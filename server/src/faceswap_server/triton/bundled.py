"""Finds the tritonserver that the wheel `nvidia-pytriton` carries, and what it needs to run.

Facts it rests on (Triton 2.51 = 24.10): the Python stub of the running version must lie beside
`libtriton_python.so`; the wheel's libraries must be on `LD_LIBRARY_PATH`; the stub is linked against
`libpython3.X.so.1.0`, which a statically linked interpreter does not bring along.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = ((3, 10), (3, 11), (3, 12))

ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(64 * 2**10),
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20),
    "MALLOC_ARENA_MAX": "4",  # each arena keeps its own; glibc's default is eight for every core
}
"""glibc's settings for tritonserver. gRPC receives an image in pieces of 64 KiB; in the heap they leave holes that are
never returned: after 1, 2, 3, 4 bursts of 24 images of 23 MB tritonserver held 133, 200, 401, 405 MB with a threshold
of 4 MiB, and 24, 25, 26, 26 MB with one of 64 KiB. Steps set their own thresholds (`faceswap_core.buffers.heap`)."""


class SetupError(Exception):
    """Something the server needs is missing; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class BundledTriton:
    """Paths inside the installed wheel, and the directory of libpython (None: the loader finds it)."""

    home: Path
    libraries: Path
    stub: Path
    libpython_directory: Path | None

    @property
    def executable(self) -> Path:
        return self.home / "bin" / "tritonserver"


def find_bundled_triton() -> BundledTriton:
    """Looks the wheel up without importing it.

    Raises:
        SetupError: Python is not 3.10 to 3.12, the wheel is not installed, or libpython cannot be found.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.version_info[:2] not in SUPPORTED:
        raise SetupError(f"the local server runs on Python 3.10, 3.11 or 3.12; this is {version}")
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError("nvidia-pytriton is not installed; run `make setup`")
    package = Path(next(iter(spec.submodule_search_locations)))
    home = package / "tritonserver"
    stub = home / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        raise SetupError(f"nvidia-pytriton has no Python backend for {version}; install nvidia-pytriton==0.7.0")
    return BundledTriton(
        home=home,
        libraries=package.parent / "nvidia_pytriton.libs",
        stub=stub,
        libpython_directory=_find_libpython(version),
    )


def _find_libpython(version: str) -> Path | None:
    name = f"libpython{version}.so.1.0"
    for directory in (sysconfig.get_config_var("LIBDIR"), f"{sys.base_prefix}/lib"):
        if directory and (Path(directory) / name).is_file():
            return Path(directory)
    try:
        ctypes.CDLL(name)
    except OSError:
        raise SetupError(
            f"{name} is missing: this Python is linked statically. Install it (Debian, Ubuntu: "
            f"apt-get install libpython{version}) or use a Python built with --enable-shared"
        ) from None
    return None


def server_environment(triton: BundledTriton, base: dict[str, str]) -> dict[str, str]:
    """Environment for tritonserver and its Python stubs: this interpreter's packages, the wheel's libraries."""
    environment = ALLOCATOR | base  # an operator's own setting wins
    libraries = [triton.libraries, *([triton.libpython_directory] if triton.libpython_directory else [])]
    environment["LD_LIBRARY_PATH"] = _joined([*map(str, libraries), base.get("LD_LIBRARY_PATH", "")])
    # the embedded interpreter does not know our virtual environment; give it what this one can import
    environment["PYTHONPATH"] = _joined([path for path in sys.path if path and Path(path).exists()])
    environment["PATH"] = _joined([str(Path(sys.executable).parent), base.get("PATH", "")])
    environment["PYTHONNOUSERSITE"] = "1"
    environment.pop("PYTHONHOME", None)
    return environment


def _joined(parts: list[str]) -> str:
    return os.pathsep.join(part for part in parts if part)


def lay_out_backends(triton: BundledTriton, onnxruntime_backend: Path, directory: Path) -> None:
    """Fills `directory` so that it is a Triton backend directory with `python` and `onnxruntime`.

    Copies, not links: Triton refuses a library that lies outside its backend directory.
    """
    python = directory / "python"
    shutil.copytree(triton.home / "backends" / "python", python)
    shutil.copy2(triton.stub, python / "triton_python_backend_stub")
    (python / "triton_python_backend_stub").chmod(0o755)  # wheels lose the executable bit with some installers
    (directory / "onnxruntime").mkdir()
    shutil.copy2(onnxruntime_backend / "model.py", directory / "onnxruntime" / "model.py")
