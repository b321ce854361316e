"""Jobs of runpod-worker-inswapper: every field, its type, its range, and what has no equivalent."""

from __future__ import annotations

import re
from typing import Any

import pytest
from faceswap_server.jobs.inswapper.job import ORDERS, OWN_FIELDS, TYPES, InswapperJob, parse_inswapper_job
from faceswap_server.jobs.inswapper.unsupported import NOT_RESTORED
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import FACES_FIELDS, SWAP_FIELDS, InputLimits, JobRequest
from faceswap_server.jobs.job_schemas import parse_job
from faceswap_server.jobs.settings import JobSchema

LIMITS = InputLimits(max_sources=8, max_targets=16, max_image_bytes=100, max_job_bytes=900)
PLAIN = {"source_image": "QQ==", "target_image": "Qg==", "face_restore": False}


def parsed(**fields: Any) -> InswapperJob:
    return parse_inswapper_job({**PLAIN, **fields}, LIMITS)


def refusal(**fields: Any) -> str:
    with pytest.raises(JobError) as caught:
        parsed(**fields)
    return str(caught.value)


def test_a_plain_job_has_the_other_workers_defaults() -> None:
    job = parsed()
    assert (job.source.where, job.source.text) == ("source_image", "QQ==")
    assert (job.target.where, job.target.text) == ("target_image", "Qg==")
    assert (job.source_indexes, job.target_indexes, job.min_face_size) == (None, None, 0.0)
    assert (job.order, job.first_only, job.output_format, job.notes) == ("left-right", False, "jpeg", ())


def test_null_is_left_out() -> None:
    assert parsed(**dict.fromkeys(TYPES.keys() - PLAIN.keys())) == parsed()


@pytest.mark.parametrize("field", ["source_image", "target_image"])
def test_images(field: str) -> None:
    assert refusal(**{field: None}) == f"BAD_INPUT: input has no '{field}'"
    assert refusal(**{field: 7}) == f"BAD_INPUT: {field} must be text, not 7"
    assert refusal(**{field: " "}) == f"EMPTY_IMAGE: {field} is empty"
    assert refusal(**{field: "http://a/b"}).startswith(f"DOWNLOAD_REFUSED: {field} is a http:// URL")
    assert refusal(**{field: "A" * 1000}).startswith(f"TOO_MANY_BYTES: {field} has ")
    data_url = parsed(**{field: "data:image/png;base64,QQ=="})
    assert (data_url.source if field == "source_image" else data_url.target).text == "QQ=="


@pytest.mark.parametrize("field", ["source_indexes", "target_indexes"])
@pytest.mark.parametrize(
    ("text", "indexes"),
    [("-1", None), (" -1", None), ("0", (0,)), ("0,2", (0, 2)), ("2, 0", (2, 0)), ("9999", (9999,))],
)
def test_indexes(field: str, text: str, indexes: tuple[int, ...] | None) -> None:
    assert getattr(parsed(**{field: text}), field) == indexes


@pytest.mark.parametrize("field", ["source_indexes", "target_indexes"])
@pytest.mark.parametrize("text", ["", "-2", "0,-1", "a", "0,", "0 1", "1.0", "10000", "0," * 300 + "0", "²", "٣"])
def test_indexes_that_cannot_be_read(field: str, text: str) -> None:
    message = refusal(**{field: text})
    assert message.startswith(f"INVALID_OPTION: {field}=")
    assert message.endswith("is not allowed: '-1', or indexes such as '0,2'")
    assert len(message) < 150


@pytest.mark.parametrize("size", [0, 0.0, 5.5, 30, 100])
def test_min_face_size_is_per_cent(size: float) -> None:
    assert parsed(min_face_size=size).min_face_size == size


@pytest.mark.parametrize("size", [-0.1, 100.1, float("nan"), float("inf")])
def test_min_face_size_out_of_range(size: float) -> None:
    assert refusal(min_face_size=size).startswith("INVALID_OPTION: min_face_size=")


@pytest.mark.parametrize(("name", "ours"), [("JPEG", "jpeg"), ("PNG", "png")])
def test_output_format(name: str, ours: str) -> None:
    assert parsed(output_format=name).output_format == ours


@pytest.mark.parametrize("name", ["jpeg", "WEBP", ""])
def test_output_format_that_the_other_worker_refuses(name: str) -> None:
    assert refusal(output_format=name) == f"INVALID_OPTION: output_format={name!r} is not allowed: JPEG, PNG"


def test_the_face_selector() -> None:
    assert [parsed(face_selector_order=order).order for order in ORDERS] == list(ORDERS)
    assert parsed(face_selector_mode="one").first_only
    assert refusal(face_selector_mode="all").endswith("is not allowed: many, one")
    assert "left-right" in refusal(face_selector_order="random")


@pytest.mark.parametrize(
    ("field", "nothing", "something"),
    [
        ("face_swapper_model", "inswapper_128", "inswapper_128_fp16"),
        ("face_swapper_resolution", "128x128", "512x512"),
        ("face_swapper_weight", 1.0, 0.7),
        ("face_swapper_weight", 0.5, 0.0),
        ("face_mask_blur", 0.3, 0.0),
        ("face_mask_padding", "0,0,0,0", "5,0,0,0"),
        ("face_selector_gender", "", "female"),
    ],
)
def test_what_asks_for_nothing_is_accepted_and_the_rest_refused(field: str, nothing: object, something: object) -> None:
    assert parsed(**{field: nothing}) == parsed()
    message = refusal(**{field: something})
    assert message.startswith(f"INVALID_OPTION: {field}={something!r} is not available: ")
    assert "\n" not in message


@pytest.mark.parametrize("field", ["face_selector_age_start", "face_selector_age_end"])
def test_ages_are_refused(field: str) -> None:
    assert refusal(**{field: 30}).startswith(f"INVALID_OPTION: {field}=30 is not available: age is not estimated")


def test_restoring_faces_is_refused_by_name() -> None:
    assert refusal(face_restore=True) == (
        "INVALID_OPTION: face_restore=true is not available: faces are not restored in this version; "
        "send face_restore=false"
    )


RESTORATION = [
    ("background_enhance", True, False),
    ("face_upsample", True, False),
    ("upscale", 2, 1),
    ("codeformer_fidelity", 0.5, None),
]


@pytest.mark.parametrize(("field", "something", "nothing"), RESTORATION)
def test_settings_of_the_restoration(field: str, something: object, nothing: object) -> None:
    assert parsed(**{field: nothing}).notes == ()
    assert parsed(**{field: something}).notes == (f"{field}: no effect without face_restore",), "as in that worker"
    text = "true" if something is True else something
    refused = refusal(**{field: something}, face_restore=None)
    assert refused.startswith(f"INVALID_OPTION: {field}={text} is not available: it belongs to face restoration")


def test_a_job_that_leaves_restoration_to_its_default_is_answered_with_a_note() -> None:
    assert parsed(face_restore=None).notes == (NOT_RESTORED,)


@pytest.mark.parametrize("field", sorted(TYPES))
def test_every_field_has_its_type(field: str) -> None:
    wrong: object = [1]
    assert re.fullmatch(rf"BAD_INPUT: {field} must be .+, not \[1\]", refusal(**{field: wrong}))
    if bool not in TYPES[field]:
        assert refusal(**{field: True}).startswith(f"BAD_INPUT: {field} must be "), "true is no number"
    else:
        assert refusal(**{field: 1}) == f"BAD_INPUT: {field} must be true or false, not 1"


UNLIKE_THE_DEFAULT: dict[str, object] = {
    "source_image": "Qw==", "target_image": "Qw==", "source_indexes": "1", "target_indexes": "1",
    "background_enhance": True, "face_restore": True, "face_upsample": True, "upscale": 2,
    "codeformer_fidelity": 0.1, "output_format": "PNG", "min_face_size": 3, "face_swapper_model": "simswap_256",
    "face_swapper_resolution": "256x256", "face_swapper_weight": 0.2, "face_mask_blur": 0.1,
    "face_mask_padding": "1,1,1,1", "face_selector_mode": "one", "face_selector_order": "right-left",
    "face_selector_gender": "male", "face_selector_age_start": 1, "face_selector_age_end": 2,
}  # fmt: skip


def test_the_table_above_is_complete() -> None:
    assert UNLIKE_THE_DEFAULT.keys() == TYPES.keys()


@pytest.mark.parametrize(("field", "value"), UNLIKE_THE_DEFAULT.items())
def test_no_field_is_left_unread(field: str, value: object) -> None:
    """It is refused by name, or it changes the job."""
    try:
        job = parsed(**{field: value})
    except JobError as error:
        assert f": {field}=" in str(error)
    else:
        assert job != parsed()


def test_an_unknown_field() -> None:
    message = refusal(face_restor=True)
    assert message.startswith("UNKNOWN_OPTION: a job with source_image has no field 'face_restor'; known fields: ")
    assert "face_restore" in message


def test_both_schemas_are_accepted_where_the_deployment_says_so() -> None:
    ours = {"source": "QQ==", "target": "Qg==", "min_face_size": 30, "output_format": "jpeg"}
    assert isinstance(parse_job(PLAIN, LIMITS, JobSchema.INSWAPPER), InswapperJob)
    assert isinstance(parse_job({**PLAIN, "task": "swap"}, LIMITS, JobSchema.INSWAPPER), InswapperJob)
    assert isinstance(parse_job(ours, LIMITS, JobSchema.INSWAPPER), JobRequest)
    for refused, schema in [
        (PLAIN, JobSchema.FACESWAP),
        ({**PLAIN, "task": "faces"}, JobSchema.INSWAPPER),
        ({**ours, "upscale": 1}, JobSchema.INSWAPPER),
    ]:
        with pytest.raises(JobError, match="UNKNOWN_OPTION"):
            parse_job(refused, LIMITS, schema)
    with pytest.raises(JobError, match="BAD_INPUT: input must be an object"):
        parse_job("text", LIMITS, JobSchema.INSWAPPER)


def test_no_field_of_its_own_is_one_of_ours() -> None:

    assert OWN_FIELDS.isdisjoint({*SWAP_FIELDS, *FACES_FIELDS})
    assert set(TYPES) - OWN_FIELDS == set(TYPES) & set(SWAP_FIELDS)
