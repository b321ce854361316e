"""`faceswap serve --listen`: refuses to be open by mistake, and writes nothing of a request into a log."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from faceswap_client import Client, FaceSwapError, RequestError
from faceswap_server.http import (
    AccessToken,
    FrontRefused,
    ListenAddress,
    Upstream,
    checked_front,
    parse_listen_address,
    read_token,
)
from faceswap_server.http.listening import listen
from faceswap_server.http.server import check_exposure
from integration.http.conftest import TOKEN
from PIL import Image, PngImagePlugin

FACESWAP = str(Path(sys.executable).parent / "faceswap")
PORTS = ["--http-port=0", "--grpc-port=0", "--metrics-port=0"]
MARK = "a-mark-that-must-not-be-written-anywhere"


NOWHERE = Upstream(lambda: "", lambda: "", lambda: "")


def test_it_refuses_to_start_with_one_line(offline_repository: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FACESWAP_")}
    done = subprocess.run(
        [FACESWAP, "serve", *PORTS, f"--repository={offline_repository}", "--listen=0.0.0.0:0"],
        env=clean, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 10
    (line,) = done.stderr.splitlines()
    assert "0.0.0.0:0 can be reached from other machines, so callers need a token" in line


@pytest.mark.parametrize(
    ("listen", "file", "environment", "why"),
    [
        ("[::]:0", None, {"FACESWAP_TOKEN": ""}, "callers need a token"),
        ("0.0.0.0:0", None, {"FACESWAP_TOKEN": "short"}, "at least 16 printable ASCII characters"),
        ("0.0.0.0:0", None, {"FACESWAP_TOKEN": "short enough to be long"}, "printable ASCII characters without blanks"),
        ("127.0.0.1:0", "no-such-file", {}, "no-such-file cannot be read"),
        (None, "no-such-file", {}, "no-such-file cannot be read"),
        (None, "/dev/null", {}, "other users may read or change"),
    ],
)
def test_what_cannot_be_is_refused_without_telling_the_token(
    listen: str | None, file: str | None, environment: dict[str, str], why: str
) -> None:
    with pytest.raises(FrontRefused, match=re.escape(why)) as caught:
        checked_front(listen, Path(file) if file else None, NOWHERE, environment=environment)
    assert "short" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert environment == {}


def test_a_token_file_without_an_address_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    with pytest.raises(FrontRefused, match="--token-file belongs to --listen"):
        checked_front(None, file, NOWHERE, environment={})
    assert checked_front(None, None, NOWHERE, environment={}) is None


def test_a_setting_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESWAP_FRONT_MAX_IN_FLIGHT", "0")
    with pytest.raises(FrontRefused, match=r"^FACESWAP_FRONT_MAX_IN_FLIGHT: "):
        checked_front("127.0.0.1:0", None, NOWHERE, environment={})


ODD_ADDRESSES = ["", "x", "1.2.3.4", "host:80", "1.2.3.4:x", "1.2.3.4:70000", "u@1.2.3.4:1", "1.2.3.4:1/p"]


@pytest.mark.parametrize("text", ODD_ADDRESSES)
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(FrontRefused, match="expected IP-ADDRESS:PORT"):
        parse_listen_address(text)


def test_loopback_needs_no_token_and_nothing_else_goes_without() -> None:
    for text in ("127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"):
        check_exposure(parse_listen_address(text), None)
    for text in ("0.0.0.0:1", "10.0.0.1:1", "[::]:1", "8.8.8.8:1"):
        with pytest.raises(FrontRefused, match="token"):
            check_exposure(parse_listen_address(text), None)
        check_exposure(parse_listen_address(text), AccessToken(TOKEN))


def test_the_token_leaves_the_environment_and_the_file_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("another-token-0123456789\n")
    file.chmod(0o600)
    environment = {"FACESWAP_TOKEN": TOKEN}
    token = read_token(file, environment)
    assert environment == {}
    assert token is not None
    assert token.opens(b"Bearer another-token-0123456789")
    assert not token.opens(f"Bearer {TOKEN}".encode())
    assert "another" not in repr(token)
    file.write_bytes(b"\xff" * 40)
    with pytest.raises(FrontRefused, match="ASCII"):
        read_token(file, {})


MODES = [(0o600, True), (0o440, True), (0o644, False), (0o604, False), (0o620, False)]


@pytest.mark.parametrize(("mode", "private"), MODES)
def test_a_token_file_that_others_may_read_or_change_is_refused(mode: int, private: bool, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(mode)
    if private:
        assert read_token(file, {}) is not None
        return
    with pytest.raises(FrontRefused, match=f"token file {file}: make it 0600") as caught:
        read_token(file, {})
    assert TOKEN not in str(caught.value)


def marked_image(portrait: Path) -> bytes:
    """A good PNG that carries the mark."""
    facts = PngImagePlugin.PngInfo()
    facts.add_text("Comment", MARK)
    out = io.BytesIO()
    with Image.open(portrait) as image:
        image.save(out, "PNG", pnginfo=facts)
    return out.getvalue()


def calls_of_all_kinds(url: str, portrait: Path) -> bytes:
    """Good and bad requests, each with the mark somewhere; the good one's image."""
    image = marked_image(portrait)
    with Client(url, token=TOKEN) as client:
        client.swap(image, image)
        for bad in (MARK.encode(), b"\x89PNG\r\n\x1a\n" + MARK.encode(), image[:5000]):
            with pytest.raises(FaceSwapError):
                client.swap(image, bad)
        with pytest.raises(FaceSwapError, match="INVALID_OPTION"):
            client.swap(image, image, target_faces=MARK)  # type: ignore[arg-type]
    with Client(url, token=f"{MARK}-0123456789") as stranger, pytest.raises(RequestError, match="UNAUTHORIZED"):
        stranger.swap(image, image)
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Secret": MARK, "Referer": MARK}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
        http.get(f"/v2/models/face_swap?secret={MARK}")
        http.get(f"/v2/{MARK}")
        http.post("/v2/models/face_swap/infer", json={"inputs": MARK})
        http.post("/v2/models/face_swap/infer", content=MARK.encode())
    return image


def test_no_token_and_nothing_of_a_request_reaches_a_log_or_the_disk(
    portrait: Path, tmp_path: Path, offline_repository: Path
) -> None:
    token, log, scratch = tmp_path / "token", tmp_path / "server.log", tmp_path / "scratch"
    token.write_text(TOKEN)
    token.chmod(0o600)
    scratch.mkdir()
    command = [FACESWAP, "serve", *PORTS, "--listen=0.0.0.0:0", f"--token-file={token}", f"--log={log}"]
    command.append(f"--repository={offline_repository}")
    environment = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        said = []
        for line in serving.stderr:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        found = re.search(r"^front +http://0\.0\.0\.0:(\d+)$", "".join(said), re.MULTILINE)
        assert found
        before = files_in(scratch)
        image = calls_of_all_kinds(f"http://127.0.0.1:{found.group(1)}", portrait)
        after = files_in(scratch)
        serving.send_signal(signal.SIGINT)
        _, rest = serving.communicate(timeout=60)
    assert serving.returncode == 0
    assert after == before, "a request was written to disk"
    logs = "".join(said) + rest + log.read_text(errors="replace")
    assert "UNAUTHORIZED 401" in logs, "refusals are logged, so the search below had something to look at"
    pieces = [image[at : at + 24] for at in (0, 1000, len(image) // 2)]
    forms = [str(piece)[2:-1] for piece in pieces] + [base64.b64encode(piece).decode() for piece in pieces]
    secrets = (TOKEN, MARK, *forms, *(piece.hex() for piece in pieces))
    assert [secret for secret in secrets if secret in logs] == []


def files_in(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_an_address_prints_as_it_is_read() -> None:
    for text in ("127.0.0.1:80", "[::1]:80"):
        assert str(parse_listen_address(text)) == text
    assert ListenAddress("::1", 80).is_loopback


def test_answers_are_not_held_back() -> None:
    """asyncio sets TCP_NODELAY on connections accepted from a socket that says it is TCP, and on no other."""
    with listen(ListenAddress("127.0.0.1", 0)) as listening:
        assert listening.proto == socket.IPPROTO_TCP
