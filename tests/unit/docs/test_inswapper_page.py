"""docs/migrate/from-runpod-worker-inswapper.md: the worker takes its jobs, and those its converter makes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from faceswap_core.options import parse_options
from faceswap_server.jobs.inswapper.job import TYPES, parse_inswapper_job
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import InputLimits, JobRequest, parse_input
from support.paths import ROOT

PAGE = (ROOT / "docs" / "migrate" / "from-runpod-worker-inswapper.md").read_text()
LIMITS = InputLimits(max_sources=8, max_targets=16, max_image_bytes=1000, max_job_bytes=9000)
OLD = {"source_image": "QQ==", "target_image": "Qg==", "output_format": "JPEG"}


def convert(old: dict[str, Any]) -> dict[str, Any]:
    """The page's own function."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)  # noqa: S102 (text of this repository)
    converted: dict[str, Any] = scope["convert"](old)
    return converted


def accepted(job: dict[str, Any]) -> JobRequest:
    request = parse_input(job, LIMITS)
    parse_options(request.options)
    return request


def test_a_plain_job() -> None:
    request = accepted(convert(OLD))
    assert (request.sources[0].text, request.targets[0].text) == ("QQ==", "Qg==")
    assert request.options == {"source_face": 0, "target_faces": "0", "output_format": "jpeg"}


@pytest.mark.parametrize(("indexes", "faces"), [("-1", "0"), ("0,2", "0,2")])
def test_target_indexes(indexes: str, faces: str) -> None:
    assert accepted(convert(OLD | {"target_indexes": indexes})).options["target_faces"] == faces


@pytest.mark.parametrize(
    "field", [{"face_restore": True}, {"upscale": 2}, {"source_indexes": "0,1"}, {"min_face_size": 5}]
)
def test_what_has_no_equivalent_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no equivalent: \w+|one image for each source face"):
        convert(OLD | field)


def examples() -> list[dict[str, Any]]:
    """The page's JSON: an old job, its answer, an error."""
    blocks = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [json.loads(block.replace("BASE64", "QQ==")) for block in blocks]


def test_the_old_job_of_the_page_gets_the_notes_and_the_error_of_the_page() -> None:
    old, answer, error = examples()
    assert list(parse_inswapper_job(old["input"], LIMITS).notes) == answer["notes"]
    with pytest.raises(JobError) as caught:
        parse_inswapper_job(old["input"] | {"face_restore": True}, LIMITS)
    assert str(caught.value) == error["error"]


def test_every_old_field_has_a_row() -> None:
    rows = PAGE.split("## Field by field")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z_]+)(?::[^`]*)?`", "".join(re.findall(r"^\| (.*?) \|", rows, re.MULTILINE)))) == set(
        TYPES
    )


def test_the_jobs_of_the_page_are_taken() -> None:
    cells = [cell.replace("<br>", "\n").replace("BASE64", "QQ==") for cell in re.findall(r"<pre>(.*?)</pre>", PAGE)]
    old, ours = (json.loads(cell)["input"] for cell in cells[:2])
    assert accepted(ours).options == {"source_face": 0, "target_faces": "0", "output_format": "jpeg"}
    assert convert(old) == ours
