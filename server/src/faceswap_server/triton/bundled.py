"""Finds the tritonserver bundled in the wheel `nvidia-pytriton`, and what it needs to run.

Facts it rests on (Triton 2.51 = 24.10): the Python stub of the running version must lie beside
`libtriton_python.so`; the wheel's libraries must be on `LD_LIBRARY_PATH`; the stub is linked against
`libpython3.X.so.1.0`, which a statically linked interpreter does not bring along.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from faceswap_server.installation import install_command
from faceswap_server.triton.backends import lay_out_backends
from faceswap_server.triton.environment import server_environment
from faceswap_server.triton.errors import SetupError
from faceswap_server.triton.paths import check_python_path

SUPPORTED = ((3, 10), (3, 11), (3, 12))


@dataclass(frozen=True, slots=True)
class BundledTriton:
    """A `TritonLocator`: paths inside the installed wheel.

    Attributes:
        home: the folder `tritonserver` of the package.
        libraries: the wheel's shared libraries.
        stub: the Python backend's stub for the running Python.
        libpython_directory: where `libpython3.X.so.1.0` lies; None where the loader finds it by itself.
    """

    home: Path
    libraries: Path
    stub: Path
    libpython_directory: Path | None

    @property
    def executable(self) -> Path:
        return self.home / "bin" / "tritonserver"

    def backend_directory(self, scratch: Path, onnxruntime: Callable[[], Path]) -> Path:
        lay_out_backends(self.home / "backends" / "python", self.stub, onnxruntime(), scratch)
        return scratch

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        libraries = (self.libraries, *([self.libpython_directory] if self.libpython_directory else []))
        return server_environment(base, libraries, python_path=True)


def find_bundled_triton() -> BundledTriton:
    """Looks the wheel up without importing it.

    Raises:
        SetupError: Python is not 3.10 to 3.12, the wheel is not installed, libpython cannot be found, or the path of
            this Python's packages is one that the interpreter inside a step cannot take.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.version_info[:2] not in SUPPORTED:
        raise SetupError(f"the bundled Triton runs on Python 3.10, 3.11 or 3.12; this is {version}")
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            f"nvidia-pytriton is not installed; run `make setup`, or `{install_command('bundled')}` in a checkout, or "
            "give an installed tritonserver with --triton PATH"
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    home = package / "tritonserver"
    stub = home / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        raise SetupError(f"nvidia-pytriton has no Python backend for {version}; install nvidia-pytriton==0.7.0")
    libraries = package.parent / "nvidia_pytriton.libs"
    check_python_path([str(libraries), *(path for path in sys.path if path and Path(path).exists())])
    return BundledTriton(
        home=home,
        libraries=libraries,
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
