"""The Dockerfile and its scripts keep their promises. What can only be seen by building is in `make image-proof`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from faceswap_core.limits import Limits
from faceswap_server.runpod.settings import WorkerSettings, variable_name
from faceswap_server.triton.environment import ALLOCATOR
from support.own_packages import PRODUCTION, canonical, own_packages
from support.paths import ROOT

CONTAINER = ROOT / "deploy" / "container"
SCRIPTS = sorted(CONTAINER.glob("*.sh"))
FINAL = ("cpu", "gpu")
SECRET = re.compile(r"(?i)(api[_-]?key|token|passw|credential|secret)")


class Instruction:
    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value

    def __repr__(self) -> str:
        return f"{self.name} {self.value}"


@pytest.fixture(scope="module")
def instructions(tmp_path_factory: pytest.TempPathFactory) -> list[Instruction]:
    copy = tmp_path_factory.mktemp("dockerfile") / "Dockerfile"  # the parser opens it for writing
    shutil.copy(ROOT / "Dockerfile", copy)
    structure = DockerfileParser(str(copy)).structure
    return [Instruction(each["instruction"], each["value"]) for each in structure if each["instruction"] != "COMMENT"]


@pytest.fixture(scope="module")
def stages(instructions: list[Instruction]) -> dict[str, list[Instruction]]:
    found: dict[str, list[Instruction]] = {}
    name = "before"
    for each in instructions:
        if each.name == "FROM":
            name = each.value.split(" AS ")[1]
        found.setdefault(name, []).append(each)
    return found


def only(stage: list[Instruction], name: str) -> str:
    values = [each.value for each in stage if each.name == name]
    assert len(values) == 1, (name, values)
    return values[0]


def environment(stage: list[Instruction]) -> dict[str, str]:
    pairs = [pair.partition("=") for each in stage if each.name == "ENV" for pair in each.value.split()]
    return {name: value for name, _, value in pairs}


def sources(each: Instruction) -> list[str]:
    """Paths of the build context that a COPY or a RUN reads."""
    if each.name == "COPY" and "--from=" not in each.value:
        return [word for word in each.value.split() if not word.startswith("--")][:-1]
    if each.name == "RUN":
        mounts = re.findall(r"--mount=(\S+)", each.value)
        return [found[1] for mount in mounts if "from=" not in mount and (found := re.search(r"source=([^,]+)", mount))]
    return []


def test_hadolint_finds_nothing() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_last_stage_is_the_one_for_gpus(stages: dict[str, list[Instruction]]) -> None:
    assert list(stages)[-1] == "gpu"
    assert "cpu" in stages


@pytest.mark.parametrize("target", FINAL)
def test_how_the_image_runs(stages: dict[str, list[Instruction]], target: str) -> None:
    stage = stages[target]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", only(stage, "USER"))
    assert only(stage, "STOPSIGNAL") == "SIGTERM"
    entry = json.loads(only(stage, "ENTRYPOINT"))
    assert entry[:2] == ["/usr/bin/tini", "--"]
    assert "-g" not in entry  # Triton is ended by the worker, after the requests in flight
    assert entry[2:] == ["python3", "-m", "faceswap_server.runpod"]
    assert "faceswap_server.runpod.health" in only(stage, "HEALTHCHECK")
    labels = only(stage, "LABEL")
    for label in ("title", "description", "version", "revision", "licenses"):
        assert f"org.opencontainers.image.{label}=" in labels
    after_user = stage[[each.name for each in stage].index("USER") :]
    assert not [each for each in after_user if each.name in ("RUN", "COPY", "ADD")]


def test_the_health_check_has_time_to_say_why(stages: dict[str, list[Instruction]]) -> None:
    from faceswap_server.runpod.health import SECONDS

    for target in FINAL:
        timeout = re.search(r"--timeout=(\d+)s", only(stages[target], "HEALTHCHECK"))
        assert timeout
        assert int(timeout[1]) > SECONDS


def test_base_images_are_arguments_with_versions(instructions: list[Instruction]) -> None:
    arguments = dict(each.value.split("=", 1) for each in instructions if each.name == "ARG" and "=" in each.value)
    stages = {each.value.split(" AS ")[1] for each in instructions if each.name == "FROM"}
    for each in (each for each in instructions if each.name == "FROM"):
        base = each.value.split(" AS ")[0]
        if base == "scratch" or base in stages:
            continue
        name = re.fullmatch(r"\$\{(\w+)\}", base)
        assert name, f"{base}: a base image is one ARG"
        image = arguments[name[1]].replace("${TRITON_RELEASE}", arguments["TRITON_RELEASE"])
        _, _, tag = image.rpartition(":")
        assert re.match(r"\d+\.\d+", tag), image
    assert "latest" not in (ROOT / "Dockerfile").read_text()


def test_nothing_secret_is_an_argument_or_a_variable(instructions: list[Instruction]) -> None:
    for each in instructions:
        if each.name in ("ARG", "ENV", "LABEL"):
            assert not SECRET.search(each.value), each
        if each.name == "ADD":
            pytest.fail("ADD fetches and unpacks; COPY does what is written")


def test_weights_come_only_after_acceptance(stages: dict[str, list[Instruction]]) -> None:
    arguments = [each.value for each in stages["pack"] if each.name == "ARG"]
    assert arguments == ["PACK=offline", "ACCEPT_INSIGHTFACE_LICENSE=no"]


def test_what_is_copied_exists_and_reaches_the_build(instructions: list[Instruction]) -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    paths = {path for each in instructions for path in sources(each)}
    assert {"deploy/container", "requirements", "server", "LICENSE"} <= paths
    for path in paths:
        assert (ROOT / path).exists(), path
        assert {path, path.split("/")[0]} & set(allowed), f"{path} is not in .dockerignore's list"


def test_no_image_gets_tools_or_tests(instructions: list[Instruction]) -> None:
    read = {path.split("/")[0] for each in instructions for path in sources(each)}
    assert read == {"LICENSE", "contract", "deploy", "model_repository", "requirements", *PRODUCTION}


def test_the_images_lock_has_everything_that_the_packages_declare() -> None:
    lock = (ROOT / "requirements" / "image.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    for package in own_packages():
        if package.folder in PRODUCTION:
            extras = {"runpod", "c2pa"} & set(package.project.get("optional-dependencies", {}))
            names = {canonical(each.name) for each in package.requirements(*extras)}
            needed = {name for name in names if not name.startswith("faceswap-")}
            assert needed <= locked, (package.folder, needed - locked)


def test_every_run_is_a_script_and_every_script_is_run(instructions: list[Instruction]) -> None:
    run = set()
    for each in (each for each in instructions if each.name == "RUN"):
        command = re.sub(r"--mount=\S+", "", each.value)
        for part in command.split("&&"):
            found = re.fullmatch(r"\s*sh /container/(\w+\.sh)( .*)?", part)
            assert found, part
            run.add(found[1])
        assert "source=deploy/container,target=/container" in each.value
    assert run == {script.name for script in SCRIPTS}


@pytest.mark.parametrize("target", FINAL)
def test_every_variable_is_one_that_somebody_reads(stages: dict[str, list[Instruction]], target: str) -> None:
    ours = {variable_name(field): field for field in WorkerSettings.model_fields}
    ours |= {f"FACESWAP_{field.upper()}": "" for field in Limits.model_fields}
    variables = environment(stages[target])
    for name in variables:
        assert name in ours or name in {"PATH", "HOME", "RUNPOD_LOG_LEVEL"} or name.startswith("PYTHON"), name
    assert not ALLOCATOR.keys() & variables.keys(), "the launcher gives them to the server"
    values = {ours[name]: value for name, value in variables.items() if ours.get(name)}
    settings = WorkerSettings.model_validate(values)
    assert settings.port > 1024  # the user may not open a lower one everywhere
    assert settings.state_file is not None


def test_the_gpu_image_asks_for_configs_that_exist(stages: dict[str, list[Instruction]]) -> None:
    arguments = environment(stages["gpu"])["FACESWAP_TRITON_ARGUMENTS"]
    name = arguments.partition("--model-config-name=")[2]
    for network in ("det_10g", "w600k_r50", "inswapper_128"):
        assert (ROOT / "model_repository" / network / "configs" / f"{name}.pbtxt").is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_plain_shell(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("#!/bin/sh\n# ")
    assert re.search(r"^set -e?u$", text, re.MULTILINE)
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    assert "curl " not in text, "downloads are python's, or pip's against a lock"


def test_the_locks_are_parts_of_the_environments() -> None:
    def locked(name: str) -> set[str]:
        lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
        return {line.split(" ")[0] for line in lines if re.match(r"[a-z0-9-]+==", line)}

    everything = locked("environment")
    for name in ("image", "image-cpu", "image-build"):
        assert locked(name), name
        assert locked(name) <= everything, locked(name) - everything


def test_prepare_pack_refuses_weights_without_acceptance(tmp_path: Path) -> None:
    def prepare(*arguments: str) -> subprocess.CompletedProcess[str]:
        python = tmp_path / "bin"
        python.mkdir(exist_ok=True)
        link = python / "python3"
        link.unlink(missing_ok=True)
        link.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        link.chmod(0o755)
        return subprocess.run(
            ["sh", str(CONTAINER / "prepare_pack.sh"), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{python}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    for accepted in ("no", "", "true"):
        done = prepare("buffalo_l", accepted)
        assert done.returncode == 3
        assert "NON-COMMERCIAL RESEARCH" in done.stdout
        assert "ACCEPT_INSIGHTFACE_LICENSE=yes" in done.stderr
    assert prepare("antelope", "yes").returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin"]
