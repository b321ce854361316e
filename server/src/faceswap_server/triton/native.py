"""A tritonserver installed outside pip: the container image's /opt/tritonserver, or one at a given path."""

from __future__ import annotations

import mmap
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from faceswap_server.triton.backends import STUB, lay_out_backends
from faceswap_server.triton.environment import server_environment
from faceswap_server.triton.errors import SetupError

IMAGE_HOME = Path("/opt/tritonserver")
"""Where NVIDIA's container image keeps Triton: bin/tritonserver, lib/ and backends/."""
ONNXRUNTIME = ("libtriton_onnxruntime.so", "model.py")
"""What makes a directory an onnxruntime backend: NVIDIA's library, or our Python-based one."""
_LINKED_AGAINST = re.compile(rb"libpython(\d+\.\d+)\.so")


@dataclass(frozen=True, slots=True)
class NativeTriton:
    """A `TritonLocator`.

    Attributes:
        path: the program `tritonserver`, or the home directory that holds bin/tritonserver and backends/.
    """

    path: Path

    @property
    def executable(self) -> Path:
        program = self.path / "bin" / "tritonserver" if self.path.is_dir() else self.path
        if not program.is_file():
            raise SetupError(
                f"{program} is not there; give the path of a tritonserver program or of its home directory"
            )
        if not os.access(program, os.X_OK):
            raise SetupError(f"{program} may not be executed by this user")
        return program.resolve()

    @property
    def home(self) -> Path | None:
        """The directory with its bin/, lib/ and backends/; None where the program is in no such directory."""
        home = self.executable.parent.parent
        return home if (home / "backends" / "python").is_dir() else None

    def backend_directory(self, scratch: Path, onnxruntime: Callable[[], Path]) -> Path | None:
        """Its own where it has an onnxruntime backend, else its Python backend with our onnxruntime backend.

        Raises SetupError for a home without the stub of the Python backend, such as that of pip's tritonserver.
        """
        home = self.home
        if home is None:
            return None
        backends = home / "backends"
        stub = backends / "python" / STUB
        if not stub.is_file():
            raise SetupError(
                f"{stub} is not there, and the steps cannot run without it; for the tritonserver that pip installs, "
                "name no other: leave out --triton, or set FACESWAP_TRITON=bundled in the worker"
            )
        if any((backends / "onnxruntime" / name).is_file() for name in ONNXRUNTIME):
            return backends
        lay_out_backends(backends / "python", stub, onnxruntime(), scratch)
        return scratch

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        home = self.home
        libraries = (home / "lib",) if home is not None and (home / "lib").is_dir() else ()
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return server_environment(base, libraries, python_path=self.python_version() == version)

    def python_version(self) -> str | None:
        """The Python its stub is linked against, for example "3.12"; None where that cannot be read.

        Packages of another Python cannot be imported by the steps: that one needs its own faceswap-core.
        """
        home = self.home
        if home is None:
            return None
        try:
            with (
                (home / "backends" / "python" / STUB).open("rb") as file,
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
            ):
                found = _LINKED_AGAINST.search(content)
                return found[1].decode() if found else None
        except (OSError, ValueError):
            return None
