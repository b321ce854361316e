"""Where a tritonserver is looked for, which backends it gets, and the environment it runs in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from faceswap_server.triton import NativeTriton, SetupError
from faceswap_server.triton.environment import ALLOCATOR, server_environment
from faceswap_server.triton.native import ONNXRUNTIME

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def home(folder: Path, *, python: str = HERE) -> Path:
    """Laid out like /opt/tritonserver, with files that cannot run."""
    for directory in ("bin", "lib", "backends/python"):
        (folder / directory).mkdir(parents=True)
    (folder / "bin" / "tritonserver").write_text("#!/bin/sh\n")
    (folder / "bin" / "tritonserver").chmod(0o755)
    stub = f"\x7fELF... libpython{python}.so.1.0 ...".encode()
    (folder / "backends" / "python" / "triton_python_backend_stub").write_bytes(stub)
    (folder / "backends" / "python" / "libtriton_python.so").write_bytes(b"library")
    return folder


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Our onnxruntime backend."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "model.py").write_text("ours")
    return tmp_path / "ours"


def never() -> Path:
    raise AssertionError("nobody may ask for our onnxruntime backend")


def test_a_home_directory_its_program_and_a_link_to_it_are_the_same_server(tmp_path: Path) -> None:
    opt = home(tmp_path / "opt")
    (tmp_path / "link").symlink_to(opt / "bin" / "tritonserver")
    for path in (opt, opt / "bin" / "tritonserver", tmp_path / "link"):
        found = NativeTriton(path)
        assert found.executable == opt / "bin" / "tritonserver"
        assert found.home == opt


@pytest.mark.parametrize(
    ("name", "says"), [("nowhere", "is not there"), ("empty", "is not there"), ("plain", "may not be executed")]
)
def test_what_is_no_tritonserver_is_refused_in_one_line(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "plain").write_text("")
    with pytest.raises(SetupError, match=says) as caught:
        _ = NativeTriton(tmp_path / name).executable
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("own_onnxruntime", [False, True])
def test_a_home_without_the_python_stub_is_refused_by_name(own_onnxruntime: bool, tmp_path: Path, ours: Path) -> None:
    opt = home(tmp_path / "opt")  # then as pip installs it, whose stub is elsewhere
    stub = opt / "backends" / "python" / "triton_python_backend_stub"
    stub.unlink()
    if own_onnxruntime:
        (opt / "backends" / "onnxruntime").mkdir()
        (opt / "backends" / "onnxruntime" / ONNXRUNTIME[0]).write_text("")
    with pytest.raises(SetupError) as caught:
        NativeTriton(opt).backend_directory(tmp_path / "scratch", lambda: ours)
    assert str(caught.value).startswith(f"{stub} is not there")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ONNXRUNTIME)
def test_a_native_onnxruntime_backend_stays_its_own(kind: str, tmp_path: Path) -> None:
    opt = home(tmp_path / "opt")
    (opt / "backends" / "onnxruntime").mkdir()
    (opt / "backends" / "onnxruntime" / kind).write_text("")
    assert NativeTriton(opt).backend_directory(tmp_path / "scratch", never) == opt / "backends"
    assert not (tmp_path / "scratch").exists()


def test_where_there_is_none_ours_is_laid_out_beside_its_python_backend(tmp_path: Path, ours: Path) -> None:
    opt, scratch = home(tmp_path / "opt"), tmp_path / "scratch"
    (opt / "backends" / "onnxruntime").mkdir()  # empty
    assert NativeTriton(opt).backend_directory(scratch, lambda: ours) == scratch
    assert (scratch / "onnxruntime" / "model.py").read_text() == "ours"
    assert (scratch / "python" / "libtriton_python.so").read_bytes() == b"library"
    assert (scratch / "python" / "triton_python_backend_stub").stat().st_mode & 0o111
    assert not any(path.is_symlink() for path in scratch.rglob("*")), "Triton refuses links that lead out of it"


def test_a_program_outside_of_a_home_directory_uses_its_built_in_backends(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "tritonserver"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = NativeTriton(program)
    assert found.home is None
    assert found.backend_directory(tmp_path / "scratch", never) is None
    assert found.python_version() is None
    assert "PYTHONPATH" not in found.environment({})


def test_steps_get_this_interpreters_packages_only_where_they_run_its_version(tmp_path: Path) -> None:
    same, other = NativeTriton(home(tmp_path / "same")), NativeTriton(home(tmp_path / "other", python="3.99"))
    assert (same.python_version(), other.python_version()) == (HERE, "3.99")
    found = same.environment({"PYTHONHOME": "/x", "PATH": "/bin"})
    assert str(Path(pytest.__file__).parents[1]) in found["PYTHONPATH"].split(":")
    assert found["PATH"] == f"{Path(sys.executable).parent}:/bin"
    assert found["PYTHONNOUSERSITE"] == "1"
    assert "PYTHONHOME" not in found
    assert other.environment({"PYTHONPATH": "/theirs", "PATH": "/bin"})["PYTHONPATH"] == "/theirs"
    for each in (found, other.environment({})):
        assert each["LD_LIBRARY_PATH"].endswith("/lib")


def test_the_allocator_is_set_for_every_server_and_the_operators_setting_wins() -> None:
    for python_path in (True, False):
        found = server_environment({"MALLOC_ARENA_MAX": "2", "X": "y"}, (), python_path=python_path)
        assert found["X"] == "y"
        assert {name: found[name] for name in ALLOCATOR} == {**ALLOCATOR, "MALLOC_ARENA_MAX": "2"}
        assert "LD_LIBRARY_PATH" not in found


def test_library_directories_come_before_the_launchers() -> None:
    found = server_environment({"LD_LIBRARY_PATH": "/c"}, (Path("/a"), Path("/b")), python_path=False)
    assert found["LD_LIBRARY_PATH"] == "/a:/b:/c"
