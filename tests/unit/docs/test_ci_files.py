"""Continuous integration runs the documented make targets and nothing of its own; hooks run what `make check` runs."""

from __future__ import annotations

import re
import stat
import subprocess
from itertools import chain
from typing import Any

import pytest
import yaml
from support.paths import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
CI_RUN = (ROOT / ".ci" / "run").read_text()
PACKAGES = "sh .ci/system_packages.sh"


def commands(job: dict[str, Any]) -> list[str]:
    """Each `run` step, once for every value of the matrix."""
    runs = [step["run"] for step in job["steps"] if "run" in step]
    matrix = job.get("strategy", {}).get("matrix", {})
    for key, values in matrix.items():
        place = "${{ matrix." + key + " }}"
        runs = list(chain.from_iterable([run.replace(place, value) for value in values] for run in runs))
    return runs


def listed_targets() -> set[str]:
    """Targets that `make help` shows."""
    return set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))


def test_the_local_script_is_the_readmes_commands() -> None:
    lines = [line.split(" #")[0].strip() for line in CI_RUN.splitlines()]
    ran = [line for line in lines if line.startswith(("make ", "sh "))]
    assert ran == [PACKAGES, *(f"make {name}" for name in ("setup", "check", "audit", "test", "test-system"))]
    assert {line.removeprefix("make ") for line in ran[1:]} <= listed_targets()
    assert "FACESWAP_" not in CI_RUN, "nothing about the machine it runs on"


def test_every_step_of_the_workflow_is_a_documented_target() -> None:
    ran = set(chain.from_iterable(map(commands, JOBS.values()))) - {PACKAGES}
    assert ran == {f"make {name}" for name in ("check", "audit", "test-unit", "test", "test-system", "test-client")}
    assert {command.removeprefix("make ") for command in ran} <= listed_targets()


def test_contributors_are_told_of_what_ci_runs() -> None:
    told = (ROOT / "CONTRIBUTING.md").read_text()
    for target in ("check", "test-unit", "test", "test-system"):
        assert re.search(rf"make {target}\b(?!-)", told), target


def test_python_versions_are_those_of_the_packages() -> None:
    assert JOBS["check"]["strategy"]["matrix"]["python"] == ["3.10", "3.11", "3.12"]
    assert JOBS["client"]["strategy"]["matrix"]["python"] == ["3.10", "3.11", "3.12", "3.13"]


def test_actions_are_pinned_by_their_major_version() -> None:
    used = [step["uses"] for _, step in STEPS if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used), used


def test_the_workflow_may_only_read() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all("permissions" not in job and job["timeout-minutes"] <= 60 for job in JOBS.values())


def test_hooks_run_the_parts_of_make_check() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repository,) = config["repos"]
    assert repository["repo"] == "local", "nothing is fetched by a hook"
    parts = re.search(r"^check:((?: [a-z-]+)+) ##", MAKEFILE, re.MULTILINE)
    assert parts
    assert [hook["entry"] for hook in repository["hooks"]] == [f"make {part}" for part in parts[1].split()]


@pytest.mark.parametrize(
    "name", [".ci/system_packages.sh", "tools/test_client.sh", "examples/curl_kserve.sh", "examples/curl_plain.sh"]
)
def test_shell_scripts_are_plain_sh(name: str) -> None:
    path = ROOT / name
    assert path.read_text().startswith("#!/bin/sh\n")
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0


def test_ci_run_can_be_run() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & stat.S_IXUSR
