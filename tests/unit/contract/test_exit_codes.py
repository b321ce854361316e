"""Exit codes: one enum for every program, and the page that lists it."""

from __future__ import annotations

import re

import faceswap_client.cli
import faceswap_server.exit_codes
import pytest
from faceswap_client.cli._exit_codes import exit_codes_text
from faceswap_contract.exit_codes import ALL, COMMAND_LINE, FROM_SIGNALS, ExitCode
from support.paths import ROOT

PAGE = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
ROWS = {int(row[0]): row[1:] for row in re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)}
HELP = dict(re.findall(r"^  (\d+) +(.+)$", exit_codes_text(), re.MULTILINE))
SHARED = {0, 1, 2}
"""Done, broken, used wrongly: the same numbers in every program."""


def test_command_line_and_servers_have_one_enum() -> None:
    assert faceswap_client.cli.ExitCode is ExitCode
    assert faceswap_server.exit_codes.ExitCode is ExitCode
    assert {code for code in ExitCode if code.programs == ALL} == SHARED


def test_the_servers_words_are_the_same_numbers() -> None:
    assert ExitCode["STOPPED"] is ExitCode.OK
    assert ExitCode["FAILED"] is ExitCode.UNEXPECTED
    assert ExitCode["BAD_SETTINGS"] is ExitCode.USAGE


def test_the_numbers_of_the_command_line_have_not_moved() -> None:
    assert [int(code) for code in ExitCode if COMMAND_LINE in code.programs] == [
        *(0, 1, 2, 4, 5, 6, 7, 8, 9, 12, 13, 14, 18, 19, 130)
    ]


def test_the_numbers_of_the_servers_have_not_moved() -> None:
    servers = [int(code) for code in ExitCode if code.programs != (COMMAND_LINE,)]
    assert servers == [0, 1, 2, 3, 10, 11, 15, 16, 17]


def test_the_page_has_every_code_once_and_no_other() -> None:
    assert list(ROWS) == sorted({*map(int, ExitCode), *FROM_SIGNALS})


@pytest.mark.parametrize("code", ExitCode, ids=str)
def test_the_page_says_what_each_means_and_what_to_do(code: ExitCode) -> None:
    who, meaning, remedy = ROWS[code]
    assert who == ("all" if code in SHARED else ", ".join(code.programs))
    assert code.meaning in meaning
    assert code.server_meaning in meaning
    assert remedy == code.remedy
    assert len(remedy) > 5


def test_help_has_the_command_lines_codes_and_no_other() -> None:
    assert {str(int(code)): code.meaning for code in ExitCode if COMMAND_LINE in code.programs} == HELP


@pytest.mark.parametrize(("number", "texts"), FROM_SIGNALS.items())
def test_signals(number: int, texts: tuple[str, str]) -> None:
    assert number > 128
    assert ROWS[number] == ("all", *texts)
