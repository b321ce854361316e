"""The adversarial requests are complete: every option, both sides of every range, every code that input can cause."""

from __future__ import annotations

import pytest
from faceswap_core.errors import FaceSwapError, ImageError, InvalidOption, OptionError, RequestError, all_errors
from faceswap_core.options import OPTION_NAMES, Options, Parameter, parse_options
from faceswap_tools.adversarial import option_values
from faceswap_tools.adversarial.all_requests import all_adversarial_requests
from faceswap_tools.adversarial.images import FINE
from faceswap_tools.adversarial.messages import VALUE_AND_LIMIT, leaks, says_value_and_limit
from faceswap_tools.adversarial.option_values import NEVER_ALLOWED, NOT_ALLOWED, adversarial_options
from faceswap_tools.adversarial.requests import NOT_PARSED_BY_TRITON, REFUSED_BY_TRITON

CASES = all_adversarial_requests()


def bounds(name: str) -> tuple[float | None, float | None]:
    """Lowest and highest number the model allows, where it says so."""
    ends: dict[str, float] = {}
    for part in Options.model_fields[name].metadata:
        ends |= {key: getattr(part, key) for key in ("ge", "le") if hasattr(part, key)}
    return ends.get("ge"), ends.get("le")


def test_every_option_has_adversarial_values() -> None:
    assert set(NOT_ALLOWED) == set(OPTION_NAMES)
    sent = {name for case in adversarial_options() for name in case.request.parameters}
    assert sent == set(OPTION_NAMES)


def test_an_option_without_adversarial_values_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(option_values, "OPTION_NAMES", (*OPTION_NAMES, "brand_new"))
    with pytest.raises(LookupError, match="brand_new"):
        list(adversarial_options())


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_both_ends_of_a_range_are_passed(name: str) -> None:
    lowest, highest = bounds(name)
    numbers = [value for value in NOT_ALLOWED[name] if isinstance(value, (int, float))]
    texts = [value for value in NOT_ALLOWED[name] if isinstance(value, str)]
    assert lowest is None or any(value < lowest for value in numbers)
    assert highest is None or any(value > highest for value in numbers)
    assert texts, "no text where a number or another word is wanted"
    assert any(isinstance(value, bool) for value in NEVER_ALLOWED.values())


def test_ranges_are_found() -> None:
    assert bounds("output_quality") == (1, 100)
    assert bounds("blend") == (None, None)


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_each_value_is_refused_with_name_value_and_limit(name: str) -> None:
    values: list[Parameter] = [*NOT_ALLOWED[name], *NEVER_ALLOWED.values()]
    for value in values:
        with pytest.raises(InvalidOption) as caught:
            parse_options({name: value})
        message = caught.value.message
        assert message.startswith(f"{name}={repr(value)[:70]}"), message
        assert str(Options.model_fields[name].description) in message
        assert says_value_and_limit("INVALID_OPTION", message)


def test_every_code_that_input_can_cause_is_expected_somewhere() -> None:
    expected = {code for case in CASES for protocol in case.protocols for code in case.allowed(protocol)}
    by_input = {
        code
        for code, error in all_errors().items()
        if issubclass(error, (ImageError, OptionError, RequestError)) or "FACE" in code
    }
    assert expected >= by_input
    assert expected - set(all_errors()) == {FINE, REFUSED_BY_TRITON, NOT_PARSED_BY_TRITON}
    assert expected & {"INTERNAL", "SERVER_BUSY"} == set()


def test_there_are_many_and_each_is_sent() -> None:
    assert len(CASES) >= 1000
    assert all(case.protocols and all(map(case.allowed, case.protocols)) for case in CASES)


def test_messages_are_looked_at() -> None:
    assert set(VALUE_AND_LIMIT) <= set(all_errors())
    errors: list[type[FaceSwapError]] = [FaceSwapError, *all_errors().values()]
    for error in errors:
        if error.code in VALUE_AND_LIMIT:
            assert not says_value_and_limit(error.code, "no"[:0])
    assert not says_value_and_limit("TOO_MANY_BYTES", "TARGET_IMAGE: too many bytes")
    assert says_value_and_limit("TOO_MANY_BYTES", "TARGET_IMAGE: 1500001 bytes, the limit is 1500000 bytes")


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last):",
        'File "model.py", line 3, in execute',
        "cannot open /tmp/x/models/decode_images",
        "failed at /usr/lib/python3/dist-packages",
        "libtriton_python.so: undefined symbol",
    ],
)
def test_paths_and_tracebacks_are_noticed(text: str) -> None:
    assert leaks(text)
    assert not leaks(text, (text,)), "what the caller sent may be repeated"


@pytest.mark.parametrize(
    "text", ["TARGET_IMAGE: 100000 x 100000 pixels, the limit for a side is 30000", "[request id: a/b] input 'x'"]
)
def test_ordinary_texts_are_no_leak(text: str) -> None:
    assert not leaks(text)
