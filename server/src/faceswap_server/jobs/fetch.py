"""Download of images by URL with protection against SSRF: https, public addresses, limits on size and time.

Every redirect is resolved and checked here, and the connection goes to the address that was checked (TLS still
verifies the certificate against the name), so neither a redirect nor DNS rebinding reaches a private network. Proxies
of the environment are not used: a proxy would resolve the name itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from types import TracebackType

import httpx

from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.job_input import check_size
from faceswap_server.jobs.public_addresses import NotPublic, Resolve, public_addresses

_REDIRECTS = (301, 302, 303, 307, 308)
# a compressed body could grow without bound after its size was checked; images do not shrink anyway
_HEADERS = {"Accept-Encoding": "identity", "Accept": "image/*", "User-Agent": "faceswap-triton"}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one download."""

    max_bytes: int
    seconds: float  # for all of it: names, redirects, body
    max_redirects: int


class Fetcher:
    """Downloads images; belongs to the event loop of its first download."""

    def __init__(
        self,
        limits: FetchLimits,
        *,
        resolve: Resolve = public_addresses,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.limits = limits
        self._resolve = resolve
        self._client = httpx.AsyncClient(
            verify=tls or True, transport=transport, trust_env=False, timeout=limits.seconds, headers=_HEADERS
        )

    async def fetch(self, url: str, where: str) -> bytes:
        """The body at `url`.

        Args:
            url: an https URL.
            where: what the caller calls the image, for messages. The URL itself is in none: it may hold a secret.

        Raises:
            JobError: INVALID_URL, DOWNLOAD_REFUSED, DOWNLOAD_FAILED, TOO_MANY_BYTES or EMPTY_IMAGE.
        """
        try:
            return await asyncio.wait_for(self._follow(_parsed(url, where), where), self.limits.seconds)
        except asyncio.TimeoutError:
            raise JobError("DOWNLOAD_FAILED", f"{where}: not complete after {self.limits.seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise JobError("DOWNLOAD_FAILED", f"{where}: {_reason(error)}") from None

    async def close(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _follow(self, url: httpx.URL, where: str) -> bytes:
        for _ in range(self.limits.max_redirects + 1):
            addresses = await self._checked_addresses(url, where)
            response = await self._send(url, addresses)
            try:
                if response.status_code not in _REDIRECTS:
                    return await self._body(response, where)
                url = url.join(response.headers.get("location", ""))
            finally:
                await response.aclose()
        raise JobError("DOWNLOAD_REFUSED", f"{where}: more than {self.limits.max_redirects} redirects")

    async def _checked_addresses(self, url: httpx.URL, where: str) -> list[str]:
        if url.scheme != "https" or not url.host or url.userinfo:
            raise JobError("DOWNLOAD_REFUSED", f"{where}: only https URLs without a user name are allowed")
        try:
            return await self._resolve(url.host, url.port or 443)
        except NotPublic:
            raise JobError("DOWNLOAD_REFUSED", f"{where}: the URL does not lead to the public internet") from None

    async def _send(self, url: httpx.URL, addresses: list[str]) -> httpx.Response:
        """Asks the first address that can be reached; the body is not read yet."""
        for address in addresses[:-1]:
            # an IPv6 address on a machine without IPv6 is common
            with contextlib.suppress(httpx.ConnectError):
                return await self._send_to(url, address)
        return await self._send_to(url, addresses[-1])

    async def _send_to(self, url: httpx.URL, address: str) -> httpx.Response:
        request = self._client.build_request(
            "GET",
            url.copy_with(host=address, fragment=None),
            headers={"Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},  # the name TLS asks for and checks
        )
        return await self._client.send(request, stream=True)

    async def _body(self, response: httpx.Response, where: str) -> bytes:
        if response.status_code != httpx.codes.OK:
            raise JobError("DOWNLOAD_FAILED", f"{where}: the URL answered {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise JobError("DOWNLOAD_FAILED", f"{where}: the URL answered with a compressed body")
        announced = response.headers.get("content-length", "")
        if announced.isdecimal():
            check_size(where, int(announced), self.limits.max_bytes)
        body = bytearray()
        async for chunk in response.aiter_bytes():  # not compressed, see above
            body += chunk
            check_size(where, len(body), self.limits.max_bytes)
        if not body:
            raise JobError("EMPTY_IMAGE", f"{where}: the URL answered without a body")
        return bytes(body)


def _parsed(text: str, where: str) -> httpx.URL:
    """A caller's URL; raises INVALID_URL."""
    try:
        url = httpx.URL(text)
        _ = url.host  # decodes the name: `xn--a` is ASCII, and no name
    except (httpx.InvalidURL, UnicodeError):
        raise JobError("INVALID_URL", f"{where}: the URL cannot be read") from None
    return url


def _reason(error: Exception) -> str:
    """A reason without addresses or names in it."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return "the connection failed"
    if isinstance(error, (httpx.InvalidURL, UnicodeError)):
        return "it redirects to a URL that cannot be read"
    return "the connection broke"
