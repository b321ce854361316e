"""Where the model repository and the backend lie: in the checkout these tools were installed from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class NotACheckout(Exception):
    """The tools run outside a checkout of faceswap-triton."""


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
        return self.root / "model_repository"

    @property
    def onnxruntime_backend(self) -> Path:
        return self.root / "python_backend" / "backends" / "onnxruntime"

    @property
    def packs(self) -> Path:
        """Prepared packs, one directory each; never committed."""
        return self.root / ".packs"
