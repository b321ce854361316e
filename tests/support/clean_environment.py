"""Virtual environments that hold wheels of ours and exactly what those declare, made without an index.

Third-party packages are links into the environment the tests run in, so that a dependency which is used and not
declared is missing, as it would be for somebody who installs the wheels.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from support.own_packages import canonical
from support.paths import ROOT

UNUSED_NEEDS = {"toml"}
"""What c2pa-python asks for and does not import; the lock leaves it out."""
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def build_wheels(folders: Iterable[str], directory: Path, root: Path = ROOT) -> list[Path]:
    """Wheels of the folders' packages, built without an index."""
    for folder in folders:
        command = [*PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
        subprocess.run([*command, "--wheel-dir", str(directory), str(root / folder)], check=True)
    return sorted(directory.glob("*.whl"))


@dataclass(frozen=True, slots=True)
class CleanEnvironment:
    """A virtual environment."""

    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        return next((self.directory / "lib").glob("python*/site-packages"))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Python with `arguments`, isolated from the caller's variables and directory."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.directory,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.directory), **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def imported_by(self, module: str) -> set[str]:
        """Names of the modules in memory after `module` was imported."""
        done = self.run("-c", f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))")
        assert done.returncode == 0, done.stderr
        return set(json.loads(done.stdout.splitlines()[-1]))


def make_environment(directory: Path, wheels: Sequence[Path], *extras: str) -> CleanEnvironment:
    """A virtual environment with the wheels and the dependencies that they declare, those of `extras` included.

    Args:
        extras: names of extras, of whichever of the wheels has them.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    made = CleanEnvironment(directory)
    command = [*PIP, "--python", str(made.python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, *map(str, wheels)], check=True)
    for distribution in _third_party(made.site_packages, extras):
        _link(distribution, made.site_packages)
    return made


def _third_party(site_packages: Path, extras: Sequence[str]) -> list[importlib.metadata.Distribution]:
    """What the distributions in a folder need beside each other."""
    ours = {
        canonical(each.metadata["Name"]): each for each in importlib.metadata.distributions(path=[str(site_packages)])
    }
    left = [need for each in ours.values() for need in _needs(each, {"", *extras})]
    others = []
    while left:
        need = left.pop()
        own = ours.get(canonical(need.name))
        if own is None:
            others.append(need)
        elif need.extras:
            left += _needs(own, need.extras)
    return _closure(others)


def _needs(distribution: importlib.metadata.Distribution, extras: set[str]) -> list[Requirement]:
    """What applies here of a distribution's requirements."""
    found = [Requirement(line) for line in distribution.requires or []]
    return [
        each for each in found if each.marker is None or any(each.marker.evaluate({"extra": name}) for name in extras)
    ]


def _closure(wanted: Sequence[Requirement]) -> list[importlib.metadata.Distribution]:
    """The installed distributions that satisfy the requirements, and what those require."""
    found: dict[str, importlib.metadata.Distribution] = {}
    seen: set[tuple[str, str]] = set()
    left = [(canonical(each.name), extra) for each in wanted for extra in ("", *each.extras)]
    while left:
        name, extra = left.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        if name in UNUSED_NEEDS:
            continue
        distribution = found.setdefault(name, importlib.metadata.distribution(name))
        left += [(canonical(e.name), x) for e in _needs(distribution, {extra}) for x in ("", *e.extras)]
    return list(found.values())


def _link(distribution: importlib.metadata.Distribution, site_packages: Path) -> None:
    for file in distribution.files or []:
        if file.parts[0] == ".." or "__pycache__" in file.parts:
            continue
        target = site_packages / file
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(Path(str(distribution.locate_file(file))))
