"""Paths in a checkout of faceswap-triton: sources of the model repository, packs, the repository that is served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class NotACheckout(Exception):
    """No checkout of faceswap-triton was found."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A clone of the repository."""

    root: Path

    @classmethod
    def find(cls) -> Checkout:
        """The checkout this file belongs to, or the one around the current directory; raises NotACheckout."""
        for start in (Path(__file__).resolve(), Path.cwd() / "x"):
            for directory in start.parents:
                if (directory / "model_repository" / "face_swap" / "config.pbtxt").is_file():
                    return cls(directory)
        raise NotACheckout("no model_repository found: run this inside a clone of faceswap-triton")

    @property
    def model_repository(self) -> Path:
        """Sources: configs and steps, without networks. Only ever read."""
        return self.root / "model_repository"

    @property
    def served_repository(self) -> Path:
        """The model repository that is served, laid out from sources, pack and gate; never committed."""
        return self.root / ".served" / "model_repository"

    @property
    def onnxruntime_backend(self) -> Path:
        return self.root / "python_backend" / "backends" / "onnxruntime"

    @property
    def packs(self) -> Path:
        """Prepared packs, one directory each; never committed."""
        return self.root / ".packs"

    @property
    def content_gate(self) -> Path:
        """The prepared content gate: `model.onnx` and `gate.json`, or nothing."""
        return self.packs / "content_gate"
