"""What the package exports, how options and addresses are read."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import faceswap_client
import numpy as np
import pytest
from faceswap_client import Client
from faceswap_client._options import to_parameters
from faceswap_client.transports.address import parse_address
from faceswap_core.options import OPTION_NAMES, Options
from hypothesis import given
from hypothesis import strategies as st

SOURCE = Path(faceswap_client.__file__).parent


def test_all_names_exist_and_every_public_name_is_listed() -> None:
    names = vars(faceswap_client).items()
    public = {name for name, value in names if not name.startswith("_") and not isinstance(value, ModuleType)}
    assert public == set(faceswap_client.__all__)
    assert len(faceswap_client.__all__) == len(public)


def test_the_client_knows_nothing_of_the_server_package() -> None:
    imported = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    ours_and_declared = {"faceswap_client", "numpy", "PIL", "grpc", "tritonclient", "httpx", "typer", "rich"}
    assert imported - set(sys.stdlib_module_names) <= ours_and_declared


def test_the_package_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


def test_swap_has_exactly_the_servers_options() -> None:
    parameters = inspect.signature(Client.swap).parameters
    options = [name for name in parameters if name not in ("self", "source", "target", "timeout")]
    assert tuple(options) == OPTION_NAMES
    assert all(parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in options)


@pytest.mark.parametrize(
    ("given_value", "sent"),
    [
        ("all", "all"),
        (2, 2),
        (np.int64(2), 2),
        (True, True),
        (0.5, 0.5),
        (np.float32(0.5), 0.5),
        ([0, 2], "0,2"),
        (range(3), "0,1,2"),
        (np.array([3, 1]), "3,1"),
        ((), ""),
        (float("inf"), "inf"),
        (-(2**63), str(-(2**63))),
    ],
)
def test_values_become_parameters(given_value: Any, sent: Any) -> None:
    (value,) = to_parameters(x=given_value).values()
    assert (value, type(value)) == (sent, type(sent))


def test_none_is_not_sent() -> None:
    assert to_parameters(a=None, b=None) == {}


@pytest.mark.parametrize("value", [object(), [0.5], [[1]], {"a": 1}, [b"x"]])
def test_values_that_cannot_travel_are_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match="target_faces cannot be"):
        to_parameters(target_faces=value)


@given(st.lists(st.integers(0, 63), min_size=1, unique=True), st.floats(0.05, 1.0))
def test_the_server_reads_what_the_client_sends(indexes: list[int], threshold: float) -> None:
    options = Options.model_validate(to_parameters(target_faces=indexes, detection_threshold=threshold))
    assert options.target_faces == tuple(indexes)
    assert options.detection_threshold == threshold


@pytest.mark.parametrize(
    ("text", "protocol", "target", "secure"),
    [
        ("127.0.0.1:8001", "grpc", "127.0.0.1:8001", False),
        ("server", "grpc", "server:8001", False),
        ("grpc://server:9", "grpc", "server:9", False),
        ("grpcs://server:9", "grpc", "server:9", True),
        ("[::1]:9", "grpc", "[::1]:9", False),
        ("http://server:8000", "http", "http://server:8000", False),
        ("https://server/triton/", "http", "https://server/triton", True),
    ],
)
def test_addresses_are_read(text: str, protocol: str, target: str, secure: bool) -> None:
    address = parse_address(text)
    assert (address.protocol, address.target, address.secure) == (protocol, target, secure)


@pytest.mark.parametrize(
    "text", ["", ":8001", "ftp://server", "server:port", "server:99999", "http://", "grpc://server/path", "http://[::1"]
)
def test_other_addresses_are_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        parse_address(text)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="user name") as caught:
        parse_address("http://me:secret@server")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [("localhost:1", True), ("127.0.0.2:1", True), ("http://[::1]:1", True), ("10.0.0.1:1", False), ("server", False)],
)
def test_this_machine_is_known(text: str, loopback: bool) -> None:
    assert parse_address(text).loopback is loopback
