"""What the package exports, how options and addresses are read."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import faceswap_client
import numpy as np
import pytest
from faceswap_client import AsyncClient, Client
from faceswap_client._options import FacesOptions, SwapOptions, to_parameters
from faceswap_client.transports.address import parse_address
from faceswap_contract.options import service_options
from hypothesis import given
from hypothesis import strategies as st

SOURCE = Path(faceswap_client.__file__).parent


def parameters(**options: Any) -> dict[str, Any]:
    known = type("Known", (), {"__annotations__": options})
    return to_parameters("swap", known, options)


def test_all_names_exist_and_every_public_name_is_listed() -> None:
    names = vars(faceswap_client).items()
    public = {name for name, value in names if not name.startswith("_") and not isinstance(value, ModuleType)}
    assert public | {"__version__"} == set(faceswap_client.__all__)
    assert len(faceswap_client.__all__) == len(public) + 1


def test_the_client_imports_none_of_our_packages_but_the_contract() -> None:
    imported = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert {name for name in imported if name.startswith("faceswap")} == {"faceswap_client", "faceswap_contract"}


def test_the_package_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


def test_swap_has_exactly_the_servers_options() -> None:
    assert tuple(SwapOptions.__annotations__) == tuple(option.name for option in service_options())
    assert SwapOptions.__required_keys__ == frozenset()
    assert get_type_hints(FacesOptions).items() <= get_type_hints(SwapOptions).items()


@pytest.mark.parametrize(
    ("call", "options", "message"),
    [
        ("swap", {"blnd": "exact"}, r"^swap\(\) got an unexpected keyword argument 'blnd'; did you mean 'blend'\?$"),
        ("swap", {"zzz": 1}, r"^swap\(\) got an unexpected keyword argument 'zzz'$"),
        ("faces", {"blend": "exact"}, r"^faces\(\) got an unexpected keyword argument 'blend'$"),
    ],
)
def test_an_unknown_option_is_a_type_error_with_the_nearest_name(
    call: str, options: dict[str, Any], message: str
) -> None:
    images = [b"s", b"t"] if call == "swap" else [b"i"]

    async def run() -> None:
        async with AsyncClient("127.0.0.1:9") as client:
            await getattr(client, call)(*images, **options)

    with Client("127.0.0.1:9") as client, pytest.raises(TypeError, match=message):
        getattr(client, call)(*images, **options)
    with pytest.raises(TypeError, match=message):
        asyncio.run(run())


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
    (value,) = parameters(x=given_value).values()
    assert (value, type(value)) == (sent, type(sent))


def test_none_is_not_sent() -> None:
    assert parameters(a=None, b=None) == {}


@pytest.mark.parametrize("value", [object(), [0.5], [[1]], {"a": 1}, [b"x"]])
def test_values_that_cannot_travel_are_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match="target_faces cannot be"):
        parameters(target_faces=value)


@given(st.lists(st.integers(0, 63), min_size=1, unique=True), st.floats(0.05, 1.0))
def test_the_server_reads_what_the_client_sends(indexes: list[int], threshold: float) -> None:
    core = pytest.importorskip(
        "faceswap_core.options", reason="faceswap_core is not installed: the client alone is tested"
    )
    options = core.Options.model_validate(parameters(target_faces=indexes, detection_threshold=threshold))
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
