"""The command line: help, streams, files and exit statuses, against the fake server."""

from __future__ import annotations

import inspect
import io
import json
import re
import subprocess
import sys
import threading
from enum import Enum
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import typer
from faceswap_client import AsyncClient, Client
from faceswap_client.cli import CommandFailed, ExitCode, _commands, app
from faceswap_client.cli._commands import INSTALL_SERVER
from faceswap_contract.deprecated import old_word
from faceswap_contract.exit_codes import COMMAND_LINE
from faceswap_contract.options import Kind, Option, option, service_options
from PIL import Image
from support.paths import ROOT
from typer.testing import CliRunner, Result

OPTION_NAMES = tuple(option.name for option in service_options())
WITHOUT_CORE = "faceswap_core is not installed: the client alone is tested"
COMMAND_LINE_CODES = [code for code in ExitCode if COMMAND_LINE in code.programs]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    Image.fromarray(np.full((200, 320, 3), 90, np.uint8)).save(path)
    return path


@pytest.fixture
def run(fake: Any) -> Any:
    def run(*arguments: object, server: str | None = fake.grpc_address, **more: Any) -> Result:
        environment = {"FACESWAP_SERVER": server, "COLUMNS": "100"}
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment, **more)

    return run


def one_line(result: Result) -> str:
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("faceswap: ")
    return lines[0]


def failing(fake: Any, text: str, status: grpc.StatusCode) -> None:
    def answer(seen: Any) -> Any:
        raise fake.failure(text, status, 400)

    fake.answer = answer


def test_swap_writes_the_answer_and_says_what_was_done(run: Any, fake: Any, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jpg"
    result = run("swap", image, image, "-o", out)
    assert result.exit_code == ExitCode.OK, result.output
    assert out.read_bytes().endswith(image.read_bytes())
    assert result.stdout == ""
    assert "1 of 2 faces swapped, jpeg 320x200" in result.stderr
    assert run("swap", image, image, "-o", out, "--quiet").stderr == ""


def test_a_misspelt_variable_is_a_usage_error(
    run: Any, fake: Any, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESWAP_TOKN", "8")
    Client(fake.grpc_address).close()  # a program that uses the client as a library has variables of its own
    result = run("swap", image, image, "-o", tmp_path / "out.jpg")
    assert result.exit_code == ExitCode.USAGE
    assert one_line(result) == "faceswap: there is no environment variable FACESWAP_TOKN; the nearest is FACESWAP_TOKEN"
    assert fake.seen == []
    assert run("--version").exit_code == ExitCode.OK


def test_the_last_image_is_the_target(run: Any, fake: Any, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    run("swap", tmp_path / "a", tmp_path / "b", tmp_path / "c", "-o", tmp_path / "out")
    assert fake.seen[0].inputs == {"SOURCE_IMAGE": [b"a", b"b"], "TARGET_IMAGE": [b"c"]}


def value_of(option: Option) -> str | int | float | bool:
    """A value that the option takes and that is not its default."""
    if option.kind is Kind.CHOICE:
        return option.choices[-1]
    if option.kind in (Kind.FACE_INDEX, Kind.FACE_INDEXES):
        return "1"
    if option.kind is Kind.FLAG:
        return not option.default
    assert option.minimum is not None
    assert option.maximum is not None
    middle = (option.minimum + option.maximum) / 2
    return int(middle) if option.kind is Kind.INTEGER else middle


def test_swap_has_every_option_of_the_server_and_sends_it(run: Any, fake: Any, image: Path, tmp_path: Path) -> None:
    values = {option.name: value_of(option) for option in service_options()}
    arguments = [part for name, value in values.items() for part in (f"--{name.replace('_', '-')}", value)]
    assert run("swap", image, image, "-o", tmp_path / "o", *arguments).exit_code == ExitCode.OK
    assert fake.seen[0].parameters == values


@pytest.mark.parametrize(
    ("name", "sent"), [("o.png", "png"), ("o.JPG", "jpeg"), ("o.jpeg", "jpeg"), ("o.webp", "webp"), ("o.dat", None)]
)
def test_the_ending_of_out_chooses_the_format(
    run: Any, fake: Any, image: Path, tmp_path: Path, name: str, sent: str | None
) -> None:
    run("swap", image, image, "-o", tmp_path / name)
    assert fake.seen[0].parameters.get("output_format") == sent


def test_streams_stand_in_for_files(run: Any, fake: Any, image: Path) -> None:
    result = run("swap", image, "-", "-o", "-", input=b"from stdin")
    assert result.exit_code == ExitCode.OK
    assert result.stdout_bytes.endswith(b"from stdin")
    assert "stdout: 1 of 2" in result.stderr
    assert run("swap", "-", "-", "-o", "-").exit_code == ExitCode.USAGE


def test_faces_prints_a_table(run: Any, image: Path) -> None:
    result = run("faces", image)
    assert result.exit_code == ExitCode.OK, result.output
    assert result.stdout.startswith("2 faces in 320x200 pixels\n")
    assert "100 10 190 110" in result.stdout
    assert "0.900" in result.stdout


def test_faces_prints_json(run: Any, fake: Any, image: Path) -> None:
    document = json.loads(run("faces", image, "--json").stdout)
    assert (document["width"], document["height"], len(document["faces"])) == (320, 200, 2)
    assert document["faces"][1]["box"] == [100, 10.5, 190, 110]
    assert document["faces"][1]["landmarks"]["nose"] == [145, 60]
    assert "embedding" not in document["faces"][0]


def test_faces_draws(run: Any, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "drawn.png"
    assert run("faces", image, "--draw", out, "--json").exit_code == ExitCode.OK
    assert not np.array_equal(np.array(Image.open(out)), np.array(Image.open(image)))
    streamed = run("faces", image, "--draw", "-")
    assert Image.open(io.BytesIO(streamed.stdout_bytes)).format == "PNG"


def test_no_faces_is_an_answer(run: Any, fake: Any, image: Path) -> None:
    empty = json.dumps({"width": 3, "height": 2, "faces": []}).encode()

    def answer(seen: Any) -> Any:
        found = fake.outputs(FACES=empty)
        found.outputs.append(("EMBEDDINGS", "FP32", [1, 512], bytes(2048)))
        return found

    fake.answer = answer
    result = run("faces", image)
    assert (result.exit_code, result.stdout) == (ExitCode.OK, "0 faces in 3x2 pixels\n")


def test_http_works_too(run: Any, fake: Any, image: Path) -> None:
    assert run("faces", image, "--server", fake.http_url).exit_code == ExitCode.OK


@pytest.mark.parametrize(
    ("text", "status", "expected"),
    [
        ("NOT_AN_IMAGE: x", grpc.StatusCode.INVALID_ARGUMENT, ExitCode.IMAGE),
        ("NO_FACE_IN_TARGET: x", grpc.StatusCode.INVALID_ARGUMENT, ExitCode.FACE),
        ("INVALID_OPTION: x", grpc.StatusCode.INVALID_ARGUMENT, ExitCode.USAGE),
        ("WRONG_PICTURE_COUNT: x", grpc.StatusCode.INVALID_ARGUMENT, ExitCode.USAGE),
        ("SERVER_BUSY: x", grpc.StatusCode.UNAVAILABLE, ExitCode.BUSY),
        ("INTERNAL: x", grpc.StatusCode.INTERNAL, ExitCode.SERVER),
        ("CANCELLED: x", grpc.StatusCode.CANCELLED, ExitCode.DEADLINE),
    ],
)
def test_an_error_of_the_server_is_one_line_and_a_status(
    run: Any, fake: Any, image: Path, tmp_path: Path, text: str, status: grpc.StatusCode, expected: ExitCode
) -> None:
    failing(fake, f"in ensemble 'face_swap', {text}", status)
    result = run("swap", image, image, "-o", tmp_path / "out.png")
    assert result.exit_code == expected
    assert text in one_line(result)
    assert not (tmp_path / "out.png").exists()


def test_a_server_error_names_the_request(run: Any, fake: Any, image: Path) -> None:
    failing(fake, "INTERNAL: x", grpc.StatusCode.INTERNAL)
    result = run("faces", image)
    assert f"(request {fake.seen[0].request_id})" in one_line(result)


@pytest.mark.parametrize(
    ("arguments", "expected", "text"),
    [
        (["faces", "no such file"], ExitCode.IMAGE, "cannot read no such file: No such file or directory"),
        (["faces", "."], ExitCode.IMAGE, "cannot read .: Is a directory"),
        (["swap", "IMAGE", "IMAGE", "-o", "no/such/dir/o.png"], ExitCode.OUTPUT, "cannot write no/such/dir/o.png"),
        (["swap", "IMAGE", "-o", "o.png"], ExitCode.USAGE, "Missing argument 'SOURCE'"),
        (["swap", "IMAGE", "IMAGE"], ExitCode.USAGE, "Missing option '--output'"),
        (["faces", "IMAGE", "--max-faces", "many"], ExitCode.USAGE, "--max-faces"),
        (["faces", "IMAGE", "--timeout", "0"], ExitCode.USAGE, "--timeout"),
        (["faces", "IMAGE", "--wrong"], ExitCode.USAGE, "No such option: --wrong"),
        (["face", "IMAGE"], ExitCode.USAGE, "Did you mean 'faces'"),
        (["faces", "IMAGE", "--server", "ftp://x"], ExitCode.USAGE, "'ftp://x' cannot be read"),
        (
            ["faces", "IMAGE", "--server", "127.0.0.1:9"],
            ExitCode.UNREACHABLE,
            "127.0.0.1:9 failed: Connection refused",
        ),
        (["faces", "IMAGE", "--server", "http://127.0.0.1:9"], ExitCode.UNREACHABLE, "Connection refused"),
    ],
)
def test_a_mistake_is_one_line_and_a_status(
    run: Any, image: Path, arguments: list[str], expected: ExitCode, text: str
) -> None:
    result = run(*(str(image) if argument == "IMAGE" else argument for argument in arguments))
    assert result.exit_code == expected, result.output
    assert text in one_line(result)


def test_a_deadline_has_its_own_status(run: Any, fake: Any, image: Path) -> None:
    over = threading.Event()
    fake.answer = lambda seen: over.wait(20)
    try:
        assert run("faces", image, "--timeout", "0.2").exit_code == ExitCode.DEADLINE
    finally:
        over.set()


def test_an_answer_without_sense_has_the_servers_status(run: Any, fake: Any, image: Path) -> None:
    fake.answer = lambda seen: fake.outputs(FACES=b"{")
    assert run("faces", image).exit_code == ExitCode.SERVER


def test_a_fault_of_ours_is_one_line_and_status_1(run: Any, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("faceswap_client.cli._faces._print_table", broken)
    result = run("faces", image)
    assert result.exit_code == ExitCode.UNEXPECTED
    assert "unexpected ZeroDivisionError: two lines" in one_line(result)


def test_ctrl_c_is_status_130(run: Any, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("faceswap_client.cli._faces._print_table", interrupt)
    assert run("faces", image).exit_code == ExitCode.INTERRUPTED


@pytest.mark.parametrize("command", [[], ["swap"], ["faces"]])
def test_help_explains_every_option_and_the_exit_statuses(run: Any, command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == ExitCode.OK
    for code in COMMAND_LINE_CODES:
        assert re.search(rf"^ +{code.value} +{re.escape(code.meaning)}$", result.stdout, re.MULTILINE), code
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)(.*(?:\n {10,}.*)*)", result.stdout, re.MULTILINE)
    assert options
    for name, text in options:
        assert len(text.split()) >= 3, f"{name} is not explained"


def test_no_command_shows_the_help(run: Any) -> None:
    result = run()
    assert result.exit_code == ExitCode.USAGE
    assert "swap" in result.stdout


def test_three_is_no_status_of_the_command_line() -> None:
    assert COMMAND_LINE not in ExitCode(3).programs
    assert len({code.value for code in ExitCode}) == len(ExitCode)


def option_texts(run: Any, command: str) -> dict[str, str]:
    """The help text of each option, in one line, by the option's name in the service."""
    text = run(command, "--help").stdout
    found = re.findall(r"^  (?:-\w, )?--([\w-]+) [A-Z]+ +(.*(?:\n {10,}.*)*)", text, re.MULTILINE)
    return {name.replace("-", "_"): " ".join(re.sub(r"-\n +", "-", text).split()) for name, text in found}


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_help_says_the_range_and_the_default_that_the_server_enforces(run: Any, name: str) -> None:
    parse_options = pytest.importorskip("faceswap_core.options", reason=WITHOUT_CORE).parse_options
    invalid_option = pytest.importorskip("faceswap_core.errors", reason=WITHOUT_CORE).InvalidOption
    text = option_texts(run, "swap")[name]
    default = re.search(r"\[default: \((?:by OUT's ending, else )?(.*)\)\]$", text)
    assert default, text
    enforced = getattr(parse_options({}), name)
    if default.group(1) == "as it is":
        assert enforced is None
    else:
        assert getattr(parse_options({name: default.group(1)}), name) == enforced
    if isinstance(enforced, Enum):
        assert {member.value for member in type(enforced)} <= {*re.findall(r"[\w-]+", text)}
    bounds = re.match(r"([\d.]+) to ([\d.]+)", text)
    assert bounds or isinstance(enforced, Enum) or name in ("source_face", "target_faces")
    if bounds:
        step = 0.001 if "." in bounds.group() else 1
        low, high = (type(step)(bound) for bound in bounds.groups())
        for allowed in (low, high):
            parse_options({name: allowed})
        for outside in (low - step, high + step):
            with pytest.raises(invalid_option):
                parse_options({name: outside})


def test_faces_has_those_options_of_a_swap_that_an_analysis_takes(run: Any) -> None:
    swap, faces = option_texts(run, "swap"), option_texts(run, "faces")
    names = {"max_faces", "min_face_size", "detection_threshold"}
    assert set(OPTION_NAMES) & set(faces) == names
    assert all(faces[name] == swap[name] for name in names)


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_the_docstring_of_swap_explains_every_option(name: str) -> None:
    for client in (Client, AsyncClient):
        lines = re.search(rf"^    {name}: (.*(?:\n {{8}}.*)*)$", inspect.getdoc(client.swap) or "", re.MULTILINE)
        assert lines
        text = " ".join(lines.group(1).split())
        assert text == f"{option(name).about}{choices(name)} Default: {option(name).shown_default}."


def choices(name: str) -> str:
    return f" One of {', '.join(option(name).choices)}." if option(name).choices else ""


# --- commands of other packages


def plug(monkeypatch: pytest.MonkeyPatch, **objects: Any) -> None:
    class Installed(EntryPoint):
        def load(self) -> Any:
            found = objects[self.name]
            if isinstance(found, Exception):
                raise found
            return found

    entries = {name: Installed(name, f"package:{name}", _commands.GROUP) for name in objects}
    monkeypatch.setattr(_commands, "_installed", lambda: entries)


def test_a_package_adds_a_function_or_an_app(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def greet(name: str, loud: bool = False) -> None:
        """Say hello."""
        typer.echo(f"hello {name}{'!' if loud else ''}")

    keys = typer.Typer(help="Keys of all kinds.")
    keys.command("new")(lambda: typer.echo("a key"))
    keys.command("old")(lambda: typer.echo("no key"))
    plug(monkeypatch, greet=greet, keys=keys)
    assert run("greet", "you", "--loud").stdout == "hello you!\n"
    assert run("keys", "new").stdout == "a key\n"
    listed = run("--help").stdout
    assert "Say hello." in listed
    assert "Keys of all kinds." in listed


def test_a_plugged_command_chooses_its_status(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise CommandFailed("the port is taken", 10)

    def leave() -> None:
        raise typer.Exit(11)

    plug(monkeypatch, stop=stop, leave=leave)
    result = run("stop")
    assert (result.exit_code, one_line(result)) == (10, "faceswap: the port is taken")
    assert run("leave").exit_code == 11


def test_a_broken_package_hurts_only_its_own_command(run: Any, monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    plug(monkeypatch, broken=ImportError("no module named x"))
    assert run("--help").exit_code == ExitCode.OK
    assert run("faces", image).exit_code == ExitCode.OK
    result = run("broken", "--whatever")
    assert result.exit_code == ExitCode.UNEXPECTED
    assert "cannot be loaded from package:broken: ImportError: no module named x" in one_line(result)


@pytest.mark.parametrize("command", ["serve", "doctor", "keys", "debug"])
def test_a_server_command_without_its_package_says_how_to_get_it(
    run: Any, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    plug(monkeypatch)
    result = run(command, "--http-port", "1")
    assert result.exit_code == ExitCode.USAGE
    last = result.stderr.splitlines()[-1]
    assert f"faceswap-server, which is not installed here: run `make setup` or `{INSTALL_SERVER}` in" in last
    assert "(needs the package faceswap-server)" in " ".join(run("--help").stdout.split())


def test_the_command_that_installs_the_server_works_and_asks_no_index_for_our_packages() -> None:
    pytest.importorskip("faceswap_core", reason=WITHOUT_CORE)
    program, *arguments = INSTALL_SERVER.split()
    assert program == "pip"
    offline = ["--dry-run", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    # the other packages are those of this environment; without an index, ours can only be the folders named
    command = [sys.executable, "-m", "pip", *arguments, *offline]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    would = next(line for line in result.stdout.splitlines() if line.startswith("Would install "))
    names = {re.sub(r"-[\d.]+$", "", each) for each in would.split()[2:]}
    assert names == {"faceswap-client", "faceswap-core", "faceswap-models", "faceswap-server"}


def test_the_old_name_of_a_command_warns_and_works(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("doctor", "debug"):  # the name that a package of this version, or of 0.1, registers
        plug(monkeypatch, **{name: lambda: typer.echo("checked")})
        for called, warnings in (("doctor", 0), ("debug", 1)):
            result = run(called)
            assert (result.exit_code, result.stdout) == (ExitCode.OK, "checked\n")
            assert result.stderr.count("faceswap: warning: faceswap debug is now called faceswap doctor; ") == warnings
        assert not re.search(r"^  debug\b", run("--help").stdout, re.MULTILINE)


def test_a_package_cannot_replace_our_commands(run: Any, monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    plug(monkeypatch, faces=lambda: typer.echo("stolen"))
    assert "2 faces" in run("faces", image).stdout


def test_the_console_script_is_installed() -> None:
    script = Path(sys.executable).with_name("faceswap")
    result = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"faceswap \d+\.\d+\.\d+\n", result.stdout)


def test_the_old_command_of_the_installed_server_works() -> None:
    script = Path(sys.executable).with_name("faceswap")
    result = subprocess.run([script, "debug", "--help"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("Usage: faceswap doctor [OPTIONS]")
    assert result.stderr.splitlines() == [f"faceswap: warning: {old_word('faceswap debug').warning}"]
