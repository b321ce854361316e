"""Files generated from the contract are up to date, and `--check` notices when they are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faceswap_contract.__main__ import main
from faceswap_contract.document import generated_files
from support.paths import ROOT

FILES = generated_files(ROOT)


@pytest.mark.parametrize("name", FILES)
def test_committed_files_are_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == FILES[name], "run `make contract` and commit what it writes"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the generated files and what their writers read."""
    shutil.copytree(ROOT / "contract", tmp_path / "contract")
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_check_says_which_file_is_out_of_date_and_writes_nothing(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--root", str(checkout)]) == 0
    page = checkout / "docs" / "reference" / "options.md"
    page.write_text(page.read_text().replace("`max_faces`", "`most_faces`"))
    changed = page.read_text()
    assert main(["--check", "--root", str(checkout)]) == 1
    assert capsys.readouterr().out == "out of date: docs/reference/options.md\n"
    assert page.read_text() == changed


def test_files_that_differ_or_are_missing_are_written(checkout: Path) -> None:
    shutil.rmtree(checkout / "docs")
    (checkout / "python_backend/src/faceswap_core/errors.py").write_text("")
    assert main(["--root", str(checkout)]) == 0
    assert {name: (checkout / name).read_text() for name in FILES} == FILES


def test_another_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path)]) == 2
    assert "not a checkout" in capsys.readouterr().err
