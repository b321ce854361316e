"""Text is text: brackets and colons in paths are no markup of Rich's, wherever a program prints them."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from faceswap_contract.exit_codes import ExitCode
from faceswap_models.checkout import Checkout
from faceswap_server.doctor.check import broken
from faceswap_server.doctor.report import print_table
from faceswap_server.serve import serve
from rich.console import Console
from support.paths import ROOT
from typer import Typer
from typer.testing import CliRunner

ODD = "x[/bold]y[red]:smile:z\\"
SOURCES = ("client/src", "python_backend/src", "model_packs/src", "server/src", "tools/src")


def test_serve_prints_a_path_with_brackets_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "[bold]" / ":smile:" / "[" / "bold]"
    monkeypatch.setattr(Checkout, "served_repository", property(lambda _: odd))
    app = Typer()
    app.command()(serve)
    ended = CliRunner().invoke(app, ["--http-port=0", "--grpc-port=0", "--metrics-port=0"])
    assert ended.exit_code == ExitCode.CANNOT_START
    assert f"there is no model pack in {odd}: run" in ended.stderr


def test_the_doctors_table_shows_what_was_found_as_it_is() -> None:
    out = io.StringIO()
    console = Console(file=out, width=200, highlight=False, markup=False, emoji=False)
    print_table([("image", broken(ODD, ODD))], console)
    assert out.getvalue().count(ODD) == 4, "found and remedy, in the table and in the verdict"


def test_no_console_reads_markup() -> None:
    consoles = [
        (path.relative_to(ROOT).as_posix(), {each.arg: ast.unparse(each.value) for each in node.keywords})
        for folder in SOURCES
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Console"
    ]
    assert len(consoles) > 5
    assert [each for each in consoles if {"markup": "False", "emoji": "False"}.items() - each[1].items()] == []
