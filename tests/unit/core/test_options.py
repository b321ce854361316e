"""Option parsing: everything a caller can get wrong is named, with the value and what is allowed."""

from __future__ import annotations

import pytest
from faceswap_core.errors import InvalidOption, UnknownOption
from faceswap_core.options import OPTION_NAMES, Blend, Label, OnNoFace, Options, OutputFormat, parse_options
from hypothesis import given
from hypothesis import strategies as st


def test_defaults() -> None:
    options = parse_options({})
    assert options == Options()
    assert (options.blend, options.on_no_face, options.output_format) == (Blend.FAST, OnNoFace.ERROR, OutputFormat.SAME)


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("source_face", "largest", None),
        ("source_face", 3, 3),
        ("source_face", "3", 3),
        ("target_faces", "all", None),
        ("target_faces", 2, (2,)),
        ("target_faces", "2, 0,5", (2, 0, 5)),
        ("max_faces", "6", 6),
        ("min_face_size", 40, 40),
        ("detection_threshold", 0.3, 0.3),
        ("detection_threshold", "0.3", 0.3),
        ("output_format", "webp", OutputFormat.WEBP),
        ("output_quality", 100, 100),
        ("on_no_face", "passthrough", OnNoFace.PASSTHROUGH),
        ("blend", "exact", Blend.EXACT),
        ("label", "bottom-left", Label.BOTTOM_LEFT),
        ("label_size", "0.1", 0.1),
    ],
)
def test_numbers_may_come_as_text(name: str, value: str | int | float, parsed: object) -> None:
    assert getattr(parse_options({name: value}), name) == parsed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source_face", -1),
        ("source_face", "biggest"),
        ("source_face", True),
        ("source_face", 1.5),
        ("target_faces", ""),
        ("target_faces", "1,,2"),
        ("target_faces", "1,1"),
        ("target_faces", "-1"),
        ("target_faces", False),
        ("max_faces", 0),
        ("max_faces", 65),
        ("max_faces", "many"),
        ("max_faces", "1_0"),
        ("target_faces", "0,1_0"),
        ("label_size", "0.0_5"),
        ("min_face_size", -1),
        ("min_face_size", True),
        ("detection_threshold", 0.0),
        ("detection_threshold", 1.01),
        ("detection_threshold", "nan"),
        ("detection_threshold", float("inf")),
        ("detection_threshold", True),
        ("output_format", "gif"),
        ("output_format", 1),
        ("output_quality", 0),
        ("output_quality", 101),
        ("on_no_face", "ignore"),
        ("blend", "poisson"),
        ("blend", ""),
        ("label", "middle"),
        ("label", True),
        ("label_size", 0.0),
        ("label_size", 0.3),
        ("label_size", "nan"),
    ],
)
def test_what_is_not_allowed_names_option_value_and_range(name: str, value: str | int | float) -> None:
    with pytest.raises(InvalidOption) as caught:
        parse_options({name: value})
    description = Options.model_fields[name].description
    assert description
    limit = {
        "source_face": " (an index is at most 4095)",
        "target_faces": " (at most 64 indexes of at most 4095, 512 characters in all)",
    }.get(name, "")
    assert str(caught.value) == f"INVALID_OPTION: {name}={value!r} is not allowed: {description}{limit}"


def test_a_server_may_allow_fewer_faces() -> None:
    assert parse_options({}, 5).max_faces == 5
    assert parse_options({"max_faces": 5}, 5).max_faces == 5
    assert parse_options({"max_faces": 2}, 5).max_faces == 2
    with pytest.raises(InvalidOption, match=r"max_faces='6' is not allowed: this server takes 1 to 5$"):
        parse_options({"max_faces": "6"}, 5)


def test_unknown_names_get_the_list() -> None:
    with pytest.raises(UnknownOption, match=r"no option 'blending'; known options: .*blend.*") as caught:
        parse_options({"blending": "fast"})
    assert all(name in str(caught.value) for name in OPTION_NAMES)


@given(
    st.dictionaries(st.text(max_size=30), st.one_of(st.text(max_size=200), st.integers(), st.floats(), st.booleans()))
)
def test_no_parameters_whatever_raise_anything_else(parameters: dict[str, str | int | float | bool]) -> None:
    try:
        parse_options(parameters)
    except (UnknownOption, InvalidOption) as error:
        assert len(str(error)) < 600  # a caller's megabyte is not echoed back


def test_the_limits_of_lists_and_indexes_are_in_the_message() -> None:
    with pytest.raises(InvalidOption, match=r"source_face=4096 is not allowed: .* \(an index is at most 4095\)"):
        parse_options({"source_face": 4096})
    with pytest.raises(InvalidOption, match=r"target_faces='0,.*at most 64 indexes of at most 4095, 512 characters"):
        parse_options({"target_faces": ",".join(map(str, range(65)))})
