"""The error table against the server's own tree, and the texts errors are made from."""

from __future__ import annotations

import copy
import pickle
import re

import faceswap_client
import pytest
from faceswap_client import FaceSwapError, RequestCancelled, RequestError, ServerBusy, ServerError
from faceswap_client._errors import CLASS_BY_CODE, CLASS_BY_FAMILY, error_from_text, too_late
from faceswap_client.cli._exit_codes import ExitCode, exit_code_of
from faceswap_contract.errors import ERRORS, Family, Origin, codes_of

WITHOUT_CORE = "faceswap_core is not installed: the client alone is tested"


def all_classes() -> list[type[FaceSwapError]]:
    found, pending = [], [FaceSwapError]
    while pending:
        cls = pending.pop()
        found.append(cls)
        pending.extend(cls.__subclasses__())
    return found


def test_every_code_of_a_server_and_every_family_has_a_class() -> None:
    core = pytest.importorskip("faceswap_core.errors", reason=WITHOUT_CORE)
    from_servers = {*codes_of(Origin.SERVICE), *codes_of(Origin.HTTP), *codes_of(Origin.WORKER)}
    assert set(CLASS_BY_CODE) == from_servers >= set(core.all_errors())
    assert set(CLASS_BY_FAMILY) == set(Family)


def test_the_codes_of_the_clients_own_errors_have_the_family_of_their_class() -> None:
    for cls in all_classes()[1:]:
        assert CLASS_BY_FAMILY[ERRORS[cls.default_code].family] is cls


def test_a_code_becomes_the_class_named_like_its_family_in_the_server() -> None:
    core = pytest.importorskip("faceswap_core.errors", reason=WITHOUT_CORE)
    families = (core.ImageError, core.OptionError, core.RequestError, core.FaceError)
    for code, server_class in core.all_errors().items():
        family = next((family for family in families if issubclass(server_class, family)), None)
        if family is not None:
            assert CLASS_BY_CODE[code].__name__ == family.__name__


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    text = faceswap_client._errors.__doc__ or ""
    tree = text[text.index("    FaceSwapError") : text.index("The codes of each class")]
    assert set(re.findall(r"^[ │├└─]*([A-Z][a-z]\w+)", tree, re.MULTILINE)) == {cls.__name__ for cls in all_classes()}


def test_every_class_is_exported() -> None:
    assert {cls.__name__ for cls in all_classes()} <= set(faceswap_client.__all__)


@pytest.mark.parametrize("cls", all_classes())
def test_every_class_says_when_it_occurs_and_has_a_code_and_an_exit_status(cls: type[FaceSwapError]) -> None:
    error = cls("words", request_id="r1")
    assert cls.__doc__
    assert str(error) == f"{cls.default_code}: words"
    assert exit_code_of(error) not in (ExitCode.OK, ExitCode.UNEXPECTED)


@pytest.mark.parametrize("cls", all_classes())
def test_errors_survive_other_processes_and_copies(cls: type[FaceSwapError]) -> None:
    error = cls("words", code="CODE_1", request_id="r1")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(twin) is cls
        assert (str(twin), twin.code, twin.message, twin.request_id) == ("CODE_1: words", "CODE_1", "words", "r1")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("NO_FACE_IN_TARGET: none", "NO_FACE_IN_TARGET", "none"),
        ("in ensemble 'face_swap', NO_FACE_IN_TARGET: none", "NO_FACE_IN_TARGET", "none"),
        ("[request id: ABC: 9] in ensemble 'face_swap', INVALID_OPTION: a=1: no", "INVALID_OPTION", "a=1: no"),
        (
            "in ensemble 'face_swap', [request id: x] Exceeds maximum queue size",
            "REQUEST_REFUSED",
            "Exceeds maximum queue size",
        ),
        (
            "Id: lower Case: OK: two letters are no code",
            "REQUEST_REFUSED",
            "Id: lower Case: OK: two letters are no code",
        ),
        ("", "REQUEST_REFUSED", "the server answered INVALID_ARGUMENT with no error message"),
        ("a\tb\x1b[31m\nc", "REQUEST_REFUSED", "a b [31m c"),
    ],
)
def test_texts_are_taken_apart(text: str, code: str, message: str) -> None:
    error = error_from_text(text, "INVALID_ARGUMENT", request_id="r1")
    assert (error.code, error.message, error.request_id) == (code, message, "r1")


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, RequestError),
        (422, RequestError),
        (499, RequestCancelled),
        (503, ServerBusy),
        (500, ServerError),
        (418, ServerError),
        ("UNAVAILABLE", ServerBusy),
    ],
)
def test_a_text_without_a_known_code_is_classed_by_status(status: int | str, cls: type[FaceSwapError]) -> None:
    assert type(error_from_text("words", status)) is cls
    assert type(error_from_text("NEW_CODE: words", status)) is cls
    assert error_from_text("NEW_CODE: words", status).code == "NEW_CODE"


def test_a_known_code_is_classed_whatever_the_status() -> None:
    assert type(error_from_text("SERVER_BUSY: words", 400)) is ServerBusy


def test_a_deadline_of_the_server_without_one_of_the_caller_has_a_message() -> None:
    assert str(too_late("127.0.0.1:8001", None, "")) == "DEADLINE_EXCEEDED: no answer from 127.0.0.1:8001 in time"
