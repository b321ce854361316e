"""Invalid option values: below, above and beside the range, unknown options, and malicious texts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from faceswap_contract.limits import LONGEST_LIST, MAX_FACES
from faceswap_core.options import OPTION_NAMES, Parameter

from faceswap_tools.adversarial.requests import (
    GRPC,
    HTTP,
    NOT_PARSED_BY_TRITON,
    REFUSED_BY_TRITON,
    AdversarialRequest,
    asking,
    good_source,
    good_target,
)

INVALID = ("INVALID_OPTION",)
UNKNOWN = ("UNKNOWN_OPTION",)

NOT_ALLOWED: dict[str, tuple[Parameter, ...]] = {
    "source_face": (-1, 4096, "-1", "4096", 0.5, "biggest", "0,1", "largest "),
    "target_faces": (
        -1,
        4096,
        "-1",
        "0,4096",
        "0,,1",
        "0,0",
        "0;1",
        ",",
        0.5,
        "any",
        "all,0",
        ",".join(map(str, range(MAX_FACES + 1))),
        "0," * LONGEST_LIST + "0",
    ),
    "max_faces": (0, MAX_FACES + 1, -1, "0", "65", 1.5, "many", "1e1", "0x10"),
    "min_face_size": (-1, 65536, "-1", "65536", 0.5, "small"),
    "detection_threshold": (0.0499, 1.0001, 0, 2, -0.5, "0", "1.5", "half"),
    "max_side": (63, 65536, 0, -64, "63", 100.5, "none"),
    "output_format": ("gif", "tiff", "PNG", "jpg", 0, 1.5),
    "output_quality": (0, 101, -1, "0", "101", 50.5, "best"),
    "on_no_face": ("ignore", "ERROR", 0, 1.5),
    "blend": ("poisson", "FAST", "fast ", 0, 1.5),
    "label": ("middle", "top", "Off", 0, 1.5),
    "label_size": (0.0099, 0.2501, 0, 1, -0.1, "0", "1", "large"),
}
"""By option: below its range, above it, and of a wrong type or word."""

NEVER_ALLOWED: dict[str, Parameter] = {
    "True": True,
    "False": False,
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "the lowest number": -(2**63),
    "the highest number": 2**63 - 1,
    "1e308": 1e308,
    "no text": "",
    "a blank": " ",
    "nan as text": "nan",
    "a number with an underscore": "1_0",
    "a number of 5000 digits": "9" * 5000,
    "100 000 letters": "x" * 100_000,
    "a path": "/etc/passwd",
    "a way up": "../../../secret",
    "an emoji": "\U0001f642",
    "digits of another script": "٣٣٣٣٣٣",
    "text that runs backwards": "\u202etsaf",
    "an error text": "x\nINTERNAL: broken",
    "a format string": "%s%n{0.__class__}",
    "NUL": "\0",
    "NUL before a word": "\0fast",
}
"""What no option takes, whatever its type."""

NO_OPTIONS = {
    "no name": "",
    "a blank": " ",
    "upper case": "BLEND",
    "a letter with an accent": "bl\u00e9nd",
    "an attribute": "__class__",
    "a setting of the model": "model_config",
    "a variable of the server": "FACESWAP_MAX_IMAGE_BYTES",
    "a path": "/etc/passwd",
    "an error text": "x\nINTERNAL: broken",
    "100 000 letters": "x" * 100_000,
    "shared memory": "shared_memory_region",
    "Triton's classification": "classification",
}


def adversarial_options() -> Iterator[AdversarialRequest]:
    """Raises LookupError for an option of the model that has no values here."""
    for name in OPTION_NAMES:
        if name not in NOT_ALLOWED:
            raise LookupError(f"no adversarial values for the option '{name}'")
        for value in NOT_ALLOWED[name]:
            shown = repr(value) if len(repr(value)) < 40 else f"{repr(value)[:37]}..."
            yield _with_options(f"{name}={shown} ({type(value).__name__})", {name: value}, INVALID)
        for words, value in NEVER_ALLOWED.items():
            yield _with_options(f"{name} is {words}", {name: value}, INVALID)


def options_that_are_none() -> Iterator[AdversarialRequest]:
    """Names that do not exist, and parameters that Triton itself refuses or cannot read."""
    for words, name in NO_OPTIONS.items():
        yield _with_options(f"an option named by {words}", {name: "1"}, UNKNOWN)
    yield _with_options("1000 options", {f"option_{i}": i for i in range(1000)}, UNKNOWN)
    refused, not_parsed = (REFUSED_BY_TRITON,), (NOT_PARSED_BY_TRITON,)
    for words, value in (("a list", ["fast"]), ("an object", {"a": 1}), ("null", None)):
        yield _with_options(f"blend is {words}", {"blend": value}, refused, (HTTP,))
    yield _with_options("blend is half a surrogate pair", {"blend": "\ud800"}, not_parsed, (HTTP,))
    yield _with_options("an option of Triton's own", {"triton_x": True}, refused, (HTTP,))
    yield _with_options("max_faces is 10^30", {"max_faces": 10**30}, INVALID, (HTTP,))
    # Triton's texts end at a NUL: what is behind it never reaches a step
    yield _with_options("a word before NUL", {"blend": "fast\0/etc/passwd"}, ("FINE",))
    yield _with_options("a name before NUL", {"blend\0x": "fast"}, ("FINE",), (GRPC,))
    yield _with_options("a name before NUL in JSON", {"blend\0x": "fast"}, not_parsed, (HTTP,))
    request = asking([good_source(), good_target()], {"blend": "abcd"})
    broken = (b'"abcd"', b'"\xff\xfe\xc0\x80"')
    yield AdversarialRequest("blend is no UTF-8", request, INVALID, (HTTP,), replaced=broken)
    unknown = asking([good_source(), good_target()], {"abcd": "fast"})
    yield AdversarialRequest("an option whose name is no UTF-8", unknown, INVALID, (HTTP,), replaced=broken)


def _with_options(
    name: str, options: dict[str, Any], outcomes: tuple[str, ...], protocols: tuple[str, ...] = (GRPC, HTTP)
) -> AdversarialRequest:
    return AdversarialRequest(name, asking([good_source(), good_target()], options), outcomes, protocols)
