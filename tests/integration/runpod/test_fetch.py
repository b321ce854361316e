"""Downloads: where they may go, how much they may bring, how long they may take."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from faceswap_server.jobs.fetch import Fetcher, FetchLimits
from faceswap_server.jobs.images import load_images
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import ImageReference, InputLimits
from faceswap_server.jobs.public_addresses import NotPublic, any_addresses, public_addresses
from support.runpod_worker import has_sdk

LIMITS = FetchLimits(max_bytes=1000, seconds=2.0, max_redirects=2)
needs_sdk = pytest.mark.skipif(
    not has_sdk(), reason="the RunPod SDK is not installed (make setup); this uses its guard"
)


async def names(host: str, port: int) -> list[str]:
    """A resolver for the tests: `inside` is private, everything else public."""
    if host == "inside":
        raise NotPublic
    return ["2001:db8::1", "192.0.2.7"] if host == "two" else ["192.0.2.7"]


def fetch(answer: Callable[[httpx.Request], httpx.Response], url: str = "https://a.example/p?q=1") -> bytes:
    async def run() -> bytes:
        async with Fetcher(LIMITS, resolve=names, transport=httpx.MockTransport(answer)) as fetcher:
            return await fetcher.fetch(url, "source[0]")

    return asyncio.run(run())


def refusal(answer: Callable[[httpx.Request], httpx.Response], url: str = "https://a.example/p") -> str:
    with pytest.raises(JobError) as caught:
        fetch(answer, url)
    assert str(caught.value).split(": ")[1].startswith("source[0]")
    assert "192.0.2" not in str(caught.value), "addresses are not the caller's business"
    return str(caught.value)


def test_the_connection_goes_to_the_address_that_was_judged_and_tls_to_the_name() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"image")

    assert fetch(answer) == b"image"
    (request,) = seen
    assert str(request.url) == "https://192.0.2.7/p?q=1"
    assert request.headers["host"] == "a.example"
    assert request.extensions["sni_hostname"] == "a.example"
    assert request.headers["accept-encoding"] == "identity"


def test_a_redirect_is_judged_again() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["host"] == "a.example":
            return httpx.Response(302, headers={"location": "https://b.example/elsewhere"})
        return httpx.Response(200, content=request.headers["host"].encode())

    assert fetch(answer) == b"b.example"
    for location in ("http://b.example/", "https://inside/", "ftp://b.example/", "//inside/", "https://u:p@b.example/"):

        def mislead(request: httpx.Request, to: str = location) -> httpx.Response:
            if request.headers["host"] == "a.example":
                return httpx.Response(302, headers={"location": to})
            return httpx.Response(200, content=b"what lies inside")

        assert refusal(mislead).startswith("DOWNLOAD_REFUSED"), location
    assert "more than 2 redirects" in refusal(lambda _: httpx.Response(302, headers={"location": "/again"}))


def test_an_address_that_cannot_be_reached_is_not_the_last_word() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "2001:db8::1":
            raise httpx.ConnectError("no IPv6 here")
        return httpx.Response(200, content=b"image")

    assert fetch(answer, "https://two/") == b"image"


@pytest.mark.parametrize("url", ["https://inside/p", "https://user:secret@a.example/p"])
def test_private_addresses_and_user_names_are_refused(url: str) -> None:
    assert refusal(lambda _: httpx.Response(200, content=b"x"), url).startswith("DOWNLOAD_REFUSED")


UNREADABLE = [
    "https://xn--a/",
    "https://xn--\u00e9/",
    "https://xn--zzzzzzzzzz99999/p",
    "https://xn--.example/",
    "https://a/\ud800",
]


@pytest.mark.parametrize("url", [*UNREADABLE, "https://[::1/", "https://a:b/"])
def test_a_url_that_cannot_be_read_is_the_callers_mistake(url: str) -> None:
    assert refusal(lambda _: httpx.Response(200, content=b"x"), url) == "INVALID_URL: source[0]: the URL cannot be read"


def test_a_redirect_that_cannot_be_read_is_a_failed_download() -> None:
    says = refusal(lambda _: httpx.Response(302, headers={"location": "https://xn--a/"}))
    assert says == "DOWNLOAD_FAILED: source[0]: it redirects to a URL that cannot be read"


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(2):
        yield b"x" * 600


@pytest.mark.parametrize(
    ("status", "headers", "content", "says"),
    [
        (404, {}, b"not here", "DOWNLOAD_FAILED: source[0]: the URL answered 404"),
        (200, {"content-encoding": "br"}, b"", "compressed"),
        (200, {"content-length": "1001"}, b"x", "TOO_MANY_BYTES: source[0] has 1001"),
        (200, {}, _chunks, "TOO_MANY_BYTES: source[0] has 1200"),
        (200, {}, b"", "EMPTY_IMAGE"),
    ],
)
def test_answers_that_are_no_image(status: int, headers: dict[str, str], content: Any, says: str) -> None:
    body = content() if callable(content) else content
    assert says in refusal(lambda _: httpx.Response(status, headers=headers, content=body))


def test_a_download_that_trickles_is_given_up_in_time() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    async def run() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=trickle()))
        limits = FetchLimits(max_bytes=10**9, seconds=0.2, max_redirects=0)
        async with Fetcher(limits, resolve=names, transport=transport) as fetcher:
            await fetcher.fetch("https://a.example/", "target")

    with pytest.raises(JobError, match=r"DOWNLOAD_FAILED: target: not complete after 0\.2 s"):
        asyncio.run(run())


def test_the_job_is_bounded_as_a_whole_and_a_url_is_asked_once() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, content=b"x" * 400)

    async def load(paths: list[str]) -> list[bytes]:
        images = [ImageReference(f"target[{i}]", f"https://a.example/{path}") for i, path in enumerate(paths)]
        limits = InputLimits(8, 8, max_image_bytes=1000, max_job_bytes=1000)
        async with Fetcher(LIMITS, resolve=names, transport=httpx.MockTransport(answer)) as fetcher:
            return await load_images(images, fetcher, limits)

    assert [len(p) for p in asyncio.run(load(["same", "same", "other"]))] == [400, 400, 400]
    assert sorted(asked) == ["/other", "/same"]
    with pytest.raises(JobError, match="TOO_MANY_BYTES: the job's images together"):
        asyncio.run(load(["1", "2", "3"]))


@needs_sdk
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1",
        "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "224.0.0.1", "0x7f.1",
        "does-not-exist.invalid",
    ],
)  # fmt: skip
def test_only_the_public_internet(host: str) -> None:
    with pytest.raises(NotPublic):
        asyncio.run(public_addresses(host, 443))


@needs_sdk
def test_a_public_address_passes() -> None:
    assert asyncio.run(public_addresses("93.184.216.34", 443)) == ["93.184.216.34"]
    assert asyncio.run(public_addresses("2606:2800:220:1::1", 443)) == ["2606:2800:220:1::1"]


def _certificate(directory: Path, name: str) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return directory / "cert.pem", directory / "key.pem"


@needs_sdk
def test_tls_is_checked_against_the_name_although_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path, "images.example")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    asked_for: list[str | None] = []
    serving.sni_callback = lambda _socket, name, _context: asked_for.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nimage")
        await writer.drain()
        writer.close()

    async def loopback(host: str, port: int) -> list[str]:
        return await any_addresses("127.0.0.1", port)

    async def run() -> None:
        patient = FetchLimits(max_bytes=1000, seconds=60.0, max_redirects=2)  # TLS takes long on a busy machine
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with (
            await asyncio.start_server(answer, "127.0.0.1", 0, ssl=serving) as server,
            Fetcher(patient, resolve=loopback, tls=trusting) as fetcher,
        ):
            port = server.sockets[0].getsockname()[1]
            assert await fetcher.fetch(f"https://images.example:{port}/", "target") == b"image"
            with pytest.raises(JobError, match="DOWNLOAD_FAILED: target: the connection failed"):
                await fetcher.fetch(f"https://other.example:{port}/", "target")

    asyncio.run(run())
    assert asked_for == ["images.example", "other.example"]
