"""One edit of the contract is enough: an option, an error code and a variable made up in one place are everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT

TREES = ("contract", "client", "python_backend", "server", "model_packs", "docs/reference")
SOURCES = ("contract/src", "client/src", "python_backend/src", "server/src", "model_packs/src")

OPTION = """
    Option(
        "swirl",
        Kind.INTEGER,
        3,
        "a whole number from 1 to 9: turns of the swirl",
        "1 to 9, turns of the swirl.",
        "1 to 9: turns of the swirl.",
        (Reader.PASTE_FACES,),
        minimum=1,
        maximum=9,
        metavar="TURNS",
    ),
)
"""
ERROR = """
    ErrorFact(
        "TOO_MUCH_SWIRL",
        Family.IMAGE,
        (Origin.SERVICE,),
        "UNAVAILABLE",
        418,
        "The image would be swirled beyond recognition.",
        "Ask for fewer turns.",
    ),
)
"""
VARIABLE = """
    Variable("FACESWAP_MAX_SWIRL", VariableKind.INTEGER, 7, "most turns of a swirl", _STEPS, minimum=1),
)
"""
EDITS = (
    ("options.py", '\n)\n"""Every option', OPTION),
    ("service_errors.py", "\n)\n", ERROR),
    ("steps_variables.py", '\n)\n"""Limits of image bytes', VARIABLE),
)

PROGRAM = """
import json
from faceswap_client import Client
from faceswap_client._errors import CLASS_BY_CODE
from faceswap_client._swap_options import FacesOptions, SwapOptions
from faceswap_client.cli import app
from faceswap_contract.environment import check_environment
from faceswap_contract.errors import http_status
from faceswap_core.errors import InvalidOption, all_errors
from faceswap_core.options import parse_options
from faceswap_server.jobs.job_input import InputLimits, parse_input
from support_openapi import openapi_text
from typer.testing import CliRunner

def refused(options):
    try:
        parse_options(options)
    except InvalidOption as error:
        return str(error)

check_environment({"FACESWAP_MAX_SWIRL": "9"}, print)
limits = InputLimits(8, 16, 2**20, 2**20)
swirl = all_errors().get("TOO_MUCH_SWIRL")
print(json.dumps({
    "default": parse_options({}).swirl,
    "parsed": parse_options({"swirl": "4"}).swirl,
    "refused": refused({"swirl": 10}),
    "typed dict": ["swirl" in SwapOptions.__annotations__, "swirl" in FacesOptions.__annotations__],
    "docstring": "swirl" in (Client.swap.__doc__ or ""),
    "help": CliRunner().invoke(app, ["swap", "--help"]).output,
    "faces help": CliRunner().invoke(app, ["faces", "--help"]).output,
    "job": parse_input({"source": "AAAA", "target": "AAAA", "swirl": 5}, limits).options,
    "openapi": openapi_text(),
    "class": [swirl.__name__, swirl.__base__.__name__, swirl.status.value, str(swirl("x"))],
    "status": http_status("TOO_MUCH_SWIRL"),
    "client class": CLASS_BY_CODE["TOO_MUCH_SWIRL"].__name__,
}))
"""
OPENAPI = """
import json
try:
    from faceswap_server.http.openapi import openapi_document
    openapi_text = lambda: json.dumps(openapi_document())
except ImportError:
    from faceswap_server.http.plain_api_schema import SWAP
    openapi_text = lambda: json.dumps(SWAP)
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout's sources with the three edits, and what `make contract` made of them."""
    tree = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(["git", "ls-files", *TREES], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    for file, end, row in EDITS:
        path = tree / "contract" / "src" / "faceswap_contract" / file
        before, found, after = path.read_text().rpartition(end)
        assert found, file
        path.write_text(before + row + end.removeprefix("\n)\n") + after)
    python(tree, "-m", "faceswap_contract")
    (tree / "support_openapi.py").write_text(OPENAPI)
    return tree


@pytest.fixture(scope="module")
def found(tree: Path) -> dict[str, Any]:
    """What the packages of the copy know."""
    document: dict[str, Any] = json.loads(python(tree, "-c", PROGRAM))
    return document


def python(tree: Path, *arguments: str) -> str:
    """Runs the interpreter on the copy's packages; returns what it printed."""
    path = os.pathsep.join(str(tree / source) for source in (*SOURCES, "."))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_steps_parse_the_option(found: dict[str, Any]) -> None:
    assert (found["default"], found["parsed"]) == (3, 4)
    assert found["refused"] == "INVALID_OPTION: swirl=10 is not allowed: a whole number from 1 to 9: turns of the swirl"


def test_the_clients_have_it_as_a_keyword(found: dict[str, Any]) -> None:
    assert found["typed dict"] == [True, False]
    assert found["docstring"]


def test_the_command_line_explains_it(found: dict[str, Any]) -> None:
    assert "--swirl TURNS" in found["help"]
    assert "1 to 9: turns of the swirl. [default: (3)]" in " ".join(found["help"].split())
    assert "--swirl" not in found["faces help"]


def test_jobs_and_the_plain_api_take_it(found: dict[str, Any]) -> None:
    assert found["job"] == {"swirl": 5}
    assert '"swirl": {' in found["openapi"]
    assert "turns of the swirl" in found["openapi"]


def test_the_core_and_the_client_have_a_class_for_the_code(found: dict[str, Any]) -> None:
    assert found["class"] == ["TooMuchSwirl", "ImageError", "UNAVAILABLE", "TOO_MUCH_SWIRL: x"]
    assert (found["status"], found["client class"]) == (418, "ImageError")


def test_the_openapi_document_names_the_code_under_its_status(found: dict[str, Any]) -> None:
    assert '"418": {"description": "TOO_MUCH_SWIRL"' in found["openapi"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "docs/reference/options.md",
            "| `swirl` | `3` | a whole number from 1 to 9: turns of the swirl | 1 to 9, turns",
        ),
        ("docs/reference/errors.md", "| `TOO_MUCH_SWIRL` | 418 | 503 | UNAVAILABLE | The image would be swirled"),
        (
            "docs/reference/environment.md",
            "| `FACESWAP_MAX_SWIRL` | integer | `7` | at least 1 | most turns of a swirl",
        ),
        (
            "client/typescript/route.ts",
            '  ["swirl", [within(1, 9), "a whole number from 1 to 9: turns of the swirl"]],',
        ),
        ("client/typescript/route.ts", "TOO_MUCH_SWIRL: 418,"),
        ("client/typescript/README.md", "| `TOO_MUCH_SWIRL` | 418 | The image would be swirled"),
        ("client/src/faceswap_client/_swap_options.py", "    swirl: int | None"),
    ],
)
def test_generated_texts_have_it(tree: Path, file: str, text: str) -> None:
    assert text in (tree / file).read_text()
    assert text not in (ROOT / file).read_text()


def test_contract_json_has_all_three(tree: Path) -> None:
    document = json.loads((tree / "contract" / "contract.json").read_text())
    assert document["options"]["swirl"]["maximum"] == 9
    assert document["errors"]["TOO_MUCH_SWIRL"]["http_status"] == 418
    assert document["environment"]["FACESWAP_MAX_SWIRL"]["default"] == 7


def test_generated_python_is_formatted(tree: Path) -> None:
    files = [
        "client/src/faceswap_client/_swap_options.py",
        *map(str, (tree / "python_backend/src/faceswap_core").glob("*.py")),
    ]
    python(tree, "-m", "ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), *files)
