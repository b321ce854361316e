"""docs/exit-codes.md has every exit code of every program, and no number means two things."""

from __future__ import annotations

import re

import pytest
from faceswap_client.cli import ExitCode as CommandLineCode
from faceswap_server.exit_codes import FROM_SIGNALS, ExitCode
from support.paths import ROOT

PAGE = (ROOT / "docs" / "exit-codes.md").read_text()
ROWS = [tuple(cell.strip() for cell in row) for row in re.findall(
    r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE
)]  # fmt: skip
SHARED = {0, 1, 2}
"""What every program on earth agrees about: done, broken, used wrongly."""


def test_the_page_has_every_code_once_and_no_other() -> None:
    numbers = [int(row[0]) for row in ROWS]
    assert numbers == sorted({*map(int, CommandLineCode), *map(int, ExitCode), *FROM_SIGNALS})


def test_no_number_means_two_things() -> None:
    assert set(map(int, CommandLineCode)) & set(map(int, ExitCode)) == SHARED
    assert not set(map(int, CommandLineCode)) & set(FROM_SIGNALS)
    assert 3 not in set(map(int, CommandLineCode))


@pytest.mark.parametrize("code", CommandLineCode, ids=str)
def test_the_command_line(code: CommandLineCode) -> None:
    _, who, meaning, remedy = row_of(code)
    assert code.meaning in meaning
    assert who == ("all" if code in SHARED else "command line")
    assert remedy


@pytest.mark.parametrize("code", ExitCode, ids=str)
def test_serve_and_worker(code: ExitCode) -> None:
    _, who, meaning, remedy = row_of(code)
    assert code.meaning in meaning
    assert code.remedy == remedy
    assert who == "all" if code in SHARED else set(who.split(", ")) <= {"serve", "worker"}


@pytest.mark.parametrize(("number", "text"), FROM_SIGNALS.items())
def test_signals(number: int, text: str) -> None:
    _, _, meaning, remedy = row_of(number)
    assert f"{meaning}. {remedy}".lower() == text.lower()


def row_of(number: int) -> tuple[str, ...]:
    return next(row for row in ROWS if int(row[0]) == number)
