"""The packages of this repository as their pyproject.toml describes them, and what their sources import."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDERS = ("client", "python_backend", "model_packs", "server", "tools")
PRODUCTION = ("client", "python_backend", "model_packs", "server")
"""What a container image installs (the Dockerfile)."""
CONTRACT = ROOT / "contract" / "src"
"""Sources of faceswap_contract, which is part of the client's distribution."""
_BY_NAME = {"import_module", "find_spec"}
"""Functions of importlib that take a module's name."""


@dataclass(frozen=True, slots=True)
class OwnPackage:
    """One folder with a pyproject.toml."""

    folder: str
    project: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.project["name"])

    @property
    def sources(self) -> tuple[Path, ...]:
        own = ROOT / self.folder / "src"
        return (own, CONTRACT) if self.folder == "client" else (own,)

    @property
    def import_names(self) -> set[str]:
        return {path.name for source in self.sources for path in source.iterdir() if path.is_dir()}

    def requirements(self, *extras: str) -> list[Requirement]:
        """Hard dependencies, and those of extras."""
        optional = self.project.get("optional-dependencies", {})
        lines = [*self.project["dependencies"], *(line for extra in extras for line in optional[extra])]
        return [Requirement(line) for line in lines]

    def all_requirements(self) -> list[Requirement]:
        return self.requirements(*self.project.get("optional-dependencies", {}))


def own_packages() -> list[OwnPackage]:
    return [
        OwnPackage(folder, tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"])
        for folder in FOLDERS
    ]


def canonical(name: str) -> str:
    """A distribution's name as packaging compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_modules(source: Path) -> dict[str, set[str]]:
    """Top-level modules outside the standard library -> files below `source` that import them.

    Imports by name count (`importlib.import_module("c2pa")`); those in an `if TYPE_CHECKING` block too.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(source.rglob("*.py")):
        for module in _imports(ast.parse(path.read_text())):
            top = module.partition(".")[0]
            if top not in sys.stdlib_module_names:
                found.setdefault(top, set()).add(str(path.relative_to(source)))
    return found


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
        elif isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            first = node.args[0] if node.args else None
            if name in _BY_NAME and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
