"""The interface of everything that finds a tritonserver: `BundledTriton` and `NativeTriton`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol


class TritonLocator(Protocol):
    """Where a tritonserver is, which backends it loads, and the environment it runs in."""

    @property
    def executable(self) -> Path:
        """The program; raises SetupError when it is missing or cannot be run."""

    def backend_directory(self, scratch: Path, onnxruntime: Callable[[], Path]) -> Path | None:
        """The directory with the backends `python` and `onnxruntime`; None for the one compiled into the server.

        Args:
            scratch: a path that does not exist yet; made and filled where the server has no such directory.
            onnxruntime: returns the directory of our Python-based onnxruntime backend; called only where the server
                has no onnxruntime backend itself.
        """

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The server's whole environment, made from the launcher's, `base`; allocator settings in `base` win."""
