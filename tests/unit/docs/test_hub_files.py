# ruff: noqa: N815 (the Hub names its fields so)
"""`.runpod/hub.json` and `tests.json` against the Hub's published rules (docs.runpod.io, Hub publishing guide)."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal

import pytest
from faceswap_core.limits import Limits
from faceswap_server.jobs.job_input import parse_input
from faceswap_server.jobs.swap_service import input_limits
from faceswap_server.runpod.settings import WorkerSettings, variable_name
from pydantic import BaseModel, ConfigDict, Field
from support.paths import ROOT

HUB = ROOT / ".runpod"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EnvInput(Strict):
    name: str
    type: Literal["string", "number", "boolean", "huggingface"]
    description: str
    default: str | int | float | bool | None = None
    options: list[dict[Literal["label", "value"], str]] | None = None
    min: float | None = None
    max: float | None = None
    required: bool = False
    advanced: bool = False
    trueValue: str | None = None
    falseValue: str | None = None


class Env(Strict):
    key: str = Field(pattern="^[A-Z][A-Z0-9_]*$")
    value: str | None = None
    input: EnvInput | None = None


class Preset(Strict):
    name: str
    defaults: dict[str, Any]


class Config(Strict):
    runsOn: Literal["GPU", "CPU"]
    endpointType: Literal["LB"] | None = None
    containerDiskInGb: int = Field(gt=0)
    gpuCount: int | None = None
    gpuIds: str | None = None
    cpuFlavor: str | None = None
    allowedCudaVersions: list[str] = []
    presets: list[Preset] = []
    env: list[Env] = []


class HubFile(Strict):
    title: str
    description: str
    type: Literal["serverless"]
    category: Literal["audio", "embedding", "language", "video", "image"]
    iconUrl: str | None = None
    config: Config


class HubTest(Strict):
    name: str
    input: dict[str, Any]
    timeout: int = Field(default=60000, gt=0)


class TestConfig(Strict):
    __test__ = False
    gpuTypeId: str | None = None
    gpuCount: int | None = None
    cpuFlavor: str | None = None
    env: list[Env] = []
    allowedCudaVersions: list[str] = []


class TestsFile(Strict):
    __test__ = False
    tests: list[HubTest] = Field(min_length=1)
    config: TestConfig


def read(name: str) -> Any:
    return json.loads((HUB / name).read_text())


def known_variables() -> set[str]:
    ours = {variable_name(field) for field in WorkerSettings.model_fields}
    servers = {f"FACESWAP_{field.upper()}" for field in Limits.model_fields}
    return ours | servers | {"RUNPOD_LOG_LEVEL"}


def test_hub_json() -> None:
    hub = HubFile.model_validate(read("hub.json"))
    keys = [env.key for env in hub.config.env]
    assert len(set(keys)) == len(keys)
    assert set(keys) <= known_variables()
    for env in hub.config.env:
        assert (env.value is None) != (env.input is None), env.key
    for preset in hub.config.presets:
        assert set(preset.defaults) <= set(keys)


def test_what_the_form_offers_the_worker_takes() -> None:
    fields = {variable_name(field): (field, info) for field, info in WorkerSettings.model_fields.items()}
    for env in HubFile.model_validate(read("hub.json")).config.env:
        if env.input is None or env.key not in fields:
            continue
        field, _ = fields[env.key]
        values = [env.input.default, env.input.min, env.input.max, *(o["value"] for o in env.input.options or [])]
        for value in [value for value in values if value is not None]:
            WorkerSettings.model_validate({field: value})


def test_tests_json_holds_jobs_the_worker_takes() -> None:
    tests = TestsFile.model_validate(read("tests.json"))
    assert {env.key for env in tests.config.env} <= known_variables()
    for test in tests.tests:
        request = parse_input(test.input, input_limits(WorkerSettings()))
        for image in (*request.sources, *request.targets):
            assert base64.b64decode(image.text).startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("name", ["handler.py", "Dockerfile", "README.md"])
def test_the_files_the_hub_looks_for(name: str) -> None:
    assert (HUB / name).is_file() or (HUB.parent / name).is_file()
