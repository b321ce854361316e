"""Build hook: puts `faceswap_contract` into the same distribution as `faceswap_client`.

Its sources are in contract/ of the checkout, because every package imports them. A wheel and an sdist hold a copy; an
editable install takes the folder itself (`dev-mode-dirs` in pyproject.toml), so there is no copy to keep up to date.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "faceswap_contract"


class ContractHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the contract's sources: those of the checkout, or those that an sdist carries."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before each build."""
        if version == "editable":
            return
        root = Path(self.root)
        unpacked = root / "src" / PACKAGE  # an sdist holds it here
        source = unpacked if unpacked.is_dir() else root.parent / "contract" / "src" / PACKAGE
        if not source.is_dir():
            raise FileNotFoundError(f"{source} is missing: build from a whole checkout")
        inside = f"src/{PACKAGE}" if self.target_name == "sdist" else PACKAGE
        build_data["force_include"][str(source)] = inside
