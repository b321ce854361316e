"""Environment variables: one table for every program, and programs that refuse a misspelt one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from faceswap_contract.deprecated import OLD_WORDS
from faceswap_contract.environment import VARIABLES, Program, UnknownVariable, Variable, check_environment
from faceswap_core.limits import Limits
from faceswap_core.provenance.settings import ProvenanceSettings
from faceswap_server.http.settings import FrontSettings
from faceswap_server.jobs.settings import JobSettings
from faceswap_server.runpod.settings import WorkerSettings
from pydantic import ValidationError
from pydantic_settings import BaseSettings
from support.paths import ROOT

SETTINGS: tuple[tuple[type[BaseSettings], set[Program]], ...] = (
    (Limits, {Program.STEPS}),
    (ProvenanceSettings, {Program.STEPS}),
    (FrontSettings, {Program.SERVE, Program.WORKER}),
    (JobSettings, {Program.SERVE, Program.WORKER}),
    (WorkerSettings, {Program.WORKER}),
)
FIELDS = [(cls, field) for cls, _ in SETTINGS for field in cls.model_fields]
SOURCES = ("client", "deploy", "model_packs", "model_repository", "python_backend", "server", ".runpod")


def name_of(cls: type[BaseSettings], field: str) -> str:
    alias = cls.model_fields[field].validation_alias
    return str(alias) if alias else f"{cls.model_config.get('env_prefix', '')}{field}".upper()


def checked(environ: dict[str, str], program: Program | None = None) -> list[str]:
    warnings: list[str] = []
    check_environment(environ, warnings.append, program)
    return warnings


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FACESWAP_MAX_FACE", "FACESWAP_MAX_FACES"),
        ("FACESWAP_FRONT_BODY_SECOND", "FACESWAP_FRONT_BODY_SECONDS"),
        ("FACESWAP_REQUIREGPU", "FACESWAP_REQUIRE_GPU"),
        ("faceswap_max_face", "FACESWAP_MAX_FACES"),
        ("FACESWAP_", "FACESWAP_"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest_name(name: str, nearest: str) -> None:
    with pytest.raises(UnknownVariable) as caught:
        checked({"PATH": "/bin", name: "8"})
    assert str(caught.value).startswith(f"there is no environment variable {name}; the nearest is {nearest}")
    assert "8" not in str(caught.value)


@pytest.mark.parametrize("name", ["FACESWAP_PORTS", "FACESWAP_HTTP_PORT", "FACESWAP_SERVICE_HOSTS", "FACESWAP_PORT_80"])
def test_what_only_looks_like_kubernetes_is_refused(name: str) -> None:
    with pytest.raises(UnknownVariable):
        checked({name: "8000"})


def test_what_kubernetes_injects_for_a_service_is_accepted() -> None:
    # the variables of a Service `faceswap` with the ports `http` and `grpc`, as its documentation lists them
    injected = {
        "FACESWAP_SERVICE_HOST": "10.0.0.11",
        "FACESWAP_SERVICE_PORT": "8000",
        "FACESWAP_SERVICE_PORT_HTTP": "8000",
        "FACESWAP_PORT": "tcp://10.0.0.11:8000",
        "FACESWAP_PORT_8000_TCP": "tcp://10.0.0.11:8000",
        "FACESWAP_PORT_8000_TCP_PROTO": "tcp",
        "FACESWAP_PORT_8000_TCP_PORT": "8000",
        "FACESWAP_PORT_8000_TCP_ADDR": "10.0.0.11",
    }
    other = {name.replace("FACESWAP_", "FACESWAP_TRITON_"): value for name, value in injected.items()}
    assert checked(injected | other) == []


def test_variables_of_every_program_are_accepted() -> None:
    assert checked(dict.fromkeys(VARIABLES, "1")) == []
    assert checked({"faceswap_max_faces": "8"}) == [], "pydantic-settings reads names in any case"


def test_an_old_value_becomes_the_new_one_with_a_warning() -> None:
    environ = {"FACESWAP_TRITON": "carried"}
    assert checked(environ) == [
        "FACESWAP_TRITON=carried is now called FACESWAP_TRITON=bundled; the old word works until 0.3.0"
    ]
    assert environ == {"FACESWAP_TRITON": "bundled"}
    assert {word.of for word in OLD_WORDS if word.where == "value"} <= set(VARIABLES)


def test_a_name_in_lower_case_is_replaced_and_the_capitals_win() -> None:
    environ = {"faceswap_triton": "carried"}
    assert len(checked(environ)) == 1
    assert environ == {"FACESWAP_TRITON": "bundled"}
    both = {"FACESWAP_MAX_FACES": "8", "Faceswap_Max_Faces": "9"}
    assert checked(both) == []
    assert both == {"FACESWAP_MAX_FACES": "8"}


def test_the_workers_own_deadline_follows_the_old_name() -> None:
    environ = {"FACESWAP_REQUEST_SECONDS": "90"}
    (warning,) = checked(environ, Program.WORKER)
    assert "FACESWAP_JOB_SECONDS" in warning
    assert environ == {"FACESWAP_REQUEST_SECONDS": "90", "FACESWAP_JOB_SECONDS": "90"}


def test_the_new_name_wins_and_other_programs_have_one_name_for_one_thing() -> None:
    both = {"FACESWAP_REQUEST_SECONDS": "90", "FACESWAP_JOB_SECONDS": "30"}
    assert checked(both, Program.WORKER) == []
    assert both["FACESWAP_JOB_SECONDS"] == "30"
    serve = {"FACESWAP_REQUEST_SECONDS": "90"}
    assert checked(serve, Program.SERVE) == []
    assert "FACESWAP_JOB_SECONDS" not in serve


@pytest.mark.parametrize(("cls", "field"), FIELDS, ids=str)
def test_a_settings_field_is_the_contracts_variable(cls: type[BaseSettings], field: str) -> None:
    info, fact = cls.model_fields[field], VARIABLES[name_of(cls, field)]
    default = info.default.value if isinstance(info.default, Enum) else info.default
    assert (str(default) if isinstance(default, Path) else default) == fact.default
    assert info.description == fact.meaning
    if isinstance(info.annotation, type) and issubclass(info.annotation, Enum):
        assert {each.value for each in info.annotation} == set(fact.choices)
    elif get_origin(info.annotation) is Literal:
        assert get_args(info.annotation) == fact.choices


def outside(fact: Variable) -> list[object]:
    """Values just outside the variable's range."""
    values: list[object] = []
    if fact.minimum is not None:
        values.append(fact.minimum - 1)
    if fact.maximum is not None:
        values.append(fact.maximum + 1)
    if fact.above is not None:
        values.append(fact.above)
    if fact.choices:
        values.append("poisson")
    if fact.longest is not None:
        values.append("x" * (fact.longest + 1))
    if fact.pattern is not None:
        values.append("no such: pattern?")
    return values


@pytest.mark.parametrize(("cls", "field"), FIELDS, ids=str)
def test_a_settings_field_has_the_contracts_range(cls: type[BaseSettings], field: str) -> None:
    name = name_of(cls, field)
    places = {(field,), (name,)}
    for value in outside(VARIABLES[name]):
        with pytest.raises(ValidationError) as caught:
            cls.model_validate({field: value})
        assert caught.value.errors()[0]["loc"] in places, value


@pytest.mark.parametrize("fact", VARIABLES.values(), ids=lambda fact: fact.name)
def test_a_variable_of_a_program_is_read_by_its_settings(fact: Variable) -> None:
    read = {program for cls, programs in SETTINGS for program in programs if fact.name in names(cls)}
    own_readers = {"FACESWAP_TOKEN"}  # read where the file of the token may stand in for it
    needed = set() if fact.name in own_readers else set(fact.programs) & {Program.STEPS, Program.WORKER}
    assert read >= needed
    assert (
        fact.name in own_readers
        or read
        or set(fact.programs)
        <= {
            Program.COMMAND_LINE,
            Program.ROUTE,
            Program.TESTS,
        }
    )


def names(cls: type[BaseSettings]) -> set[str]:
    return {name_of(cls, field) for field in cls.model_fields}


def test_every_name_in_the_sources_is_in_the_table() -> None:
    files = subprocess.run(
        ["git", "ls-files", *SOURCES, "Dockerfile", "Makefile", "docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found: dict[str, str] = {}
    for file in files:
        if file.endswith((".py", ".ts", ".json", ".md", ".sh", ".pbtxt", "Dockerfile", "Makefile")):
            text = (ROOT / file).read_text()
            found |= dict.fromkeys(re.findall(r"\bFACESWAP_[A-Z0-9_]*[A-Z0-9]\b(?!\.\.\.|_)", text), file)
    known = {*VARIABLES, "FACESWAP_ERROR", "FACESWAP_FRONT", "FACESWAP_SERVICE_HOST", "FACESWAP_PORT"}
    assert {name: file for name, file in found.items() if name not in known} == {}


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "faceswap_server.serve"],
        ["-m", "faceswap_server.runpod"],
        ["-m", "faceswap_server.doctor"],
    ],
    ids=lambda command: command[-1],
)
def test_programs_refuse_a_misspelt_variable_at_their_start(command: list[str], tmp_path: Path) -> None:
    environment = os.environ | {"FACESWAP_MAX_FACE": "8"}
    done = subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "FACESWAP_MAX_FACE; the nearest is FACESWAP_MAX_FACES" in done.stderr + done.stdout
