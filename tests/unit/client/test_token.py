"""The token travels with every call and shows up nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
from typing import Any

import pytest
from faceswap_client import AsyncClient, BadAnswer, Client, FaceSwapError
from faceswap_client.cli import app
from typer.testing import CliRunner

TOKEN = "a-token-0123456789"  # noqa: S105


def authorization(fake: Any) -> list[str | None]:
    return [{name.lower(): value for name, value in seen.headers.items()}.get("authorization") for seen in fake.seen]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_both_clients_send_it(fake: Any, protocol: str) -> None:
    with Client(fake.address(protocol), token=TOKEN, headers={"X-Team": "blue"}) as client:
        client.swap(b"s", b"t")

    async def run() -> None:
        async with AsyncClient(fake.address(protocol), token=TOKEN) as client:
            await client.faces(b"p")

    asyncio.run(run())
    with Client(fake.address(protocol)) as client:
        client.swap(b"s", b"t")
    assert authorization(fake) == [f"Bearer {TOKEN}"] * 2 + [None]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_it_is_in_no_repr_error_or_log(fake: Any, protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def fail(seen: Any) -> Any:
        raise RuntimeError("the fake server breaks")

    fake.answer = fail
    dead = "127.0.0.1:9" if protocol == "grpc" else "http://127.0.0.1:9"
    for address in (fake.address(protocol), dead):
        with Client(address, token=TOKEN, retries=0) as client:
            with pytest.raises(FaceSwapError) as caught:
                client.swap(b"s", b"t", timeout=30)
            error: BaseException | None = caught.value
            while error is not None:
                assert TOKEN not in f"{error!r} {error} {error.__dict__}"
                error = error.__cause__
            assert TOKEN.encode() not in pickle.dumps(caught.value)
            assert TOKEN not in f"{client!r} {vars(client)}"
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("token", ["", "with blank", "line\nbreak", "secr\u00e9t", "tab\t"])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_what_no_header_can_carry_is_refused_and_not_repeated(token: str, kind: type[Client]) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        kind("127.0.0.1:1", token=token)
    assert not token or token not in str(caught.value)


def test_a_token_and_an_authorization_header_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="not both") as caught:
        Client("127.0.0.1:1", token=TOKEN, headers={"authorization": "Basic x"})
    assert TOKEN not in str(caught.value)


def test_an_address_may_have_a_path_in_front(fake: Any) -> None:
    def handler(path: str) -> str:
        with Client(f"{fake.http_url}{path}") as client, contextlib.suppress(BadAnswer):
            client.swap(b"s", b"t")
        return str(fake.seen[-1].model)

    # the fake server takes the model from the fourth part of the path
    assert handler("") == "face_swap"
    assert handler("/") == "face_swap"
    assert handler("/some/proxy") == "v2"


def test_the_command_line_takes_it_from_the_environment(fake: Any, tmp_path: Any) -> None:
    image = tmp_path / "p.png"
    image.write_bytes(b"x")
    environment = {"FACESWAP_SERVER": fake.http_url, "FACESWAP_TOKEN": TOKEN}
    for command in (["swap", str(image), str(image), "-o", str(tmp_path / "o.png")], ["faces", str(image)]):
        result = CliRunner().invoke(app, command, env=environment)
        assert result.exit_code == 0, result.output
        assert TOKEN not in result.output
    assert authorization(fake) == [f"Bearer {TOKEN}"] * 2


def test_a_client_in_a_program_does_not_look_into_the_environment(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESWAP_TOKEN", TOKEN)
    with Client(fake.http_url) as client:
        client.swap(b"s", b"t")
    assert authorization(fake) == [None]
