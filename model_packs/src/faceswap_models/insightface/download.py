"""Download of one published file: resumes, retries, tries several sources, verifies size and sha256."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from faceswap_core.files.digests import file_sha256

from faceswap_models.insightface.sources import OriginalFile

# Called with the file's name, the bytes there are so far and the bytes there will be.
Progress = Callable[[str, int, int], None]

CHUNK = 1 << 20  # bytes

HTTP_OK = 200
HTTP_PARTIAL_CONTENT = 206
HTTP_RANGE_NOT_SATISFIABLE = 416
# Worth a retry: timeout, too many requests, server errors.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """Timeouts (seconds) and numbers of attempts."""

    connect_timeout: float = 10.0
    stall_timeout: float = 30.0  # without a single byte
    total_timeout: float = 7200.0  # for one file, all sources and attempts together
    attempts: int = 5  # in a row without a new byte, for each source
    connect_attempts: int = 2  # in a row without a connection, for each host
    first_pause: float = 1.0  # before the second attempt; doubles with each one
    longest_pause: float = 30.0


class DownloadError(RuntimeError):
    """The file could not be downloaded from any source.

    Attributes:
        reasons: reason -> the hosts where it occurred.
        unreachable: no host answered at all.
    """

    def __init__(self, name: str, reasons: Mapping[str, Sequence[str]], *, unreachable: bool = False) -> None:
        listed = "; ".join(f"{', '.join(hosts)}: {reason}" for reason, hosts in reasons.items())
        super().__init__(f"{name} could not be downloaded: {listed or 'no source is known'}")
        self.name = name
        self.reasons = {reason: tuple(hosts) for reason, hosts in reasons.items()}
        self.unreachable = unreachable


class _SourceFailedError(Exception):
    """This source cannot provide the file; the next one is tried."""


class _HostUnreachableError(_SourceFailedError):
    """The source's host does not answer."""


class _AttemptFailedError(Exception):
    """This attempt failed; a retry may resume it."""

    def __init__(self, reason: str, *, connected: bool = True) -> None:
        super().__init__(reason)
        self.connected = connected


class _Download:
    """Download of one file into a directory.

    Until it is complete the file is called `<name>.partial`, and a later run resumes it. An atomic rename gives it its
    name once size and sha256 are the published ones.
    """

    def __init__(
        self,
        file: OriginalFile,
        directory: Path,
        *,
        limits: DownloadLimits,
        progress: Progress | None = None,
    ) -> None:
        self._file = file
        self._path = directory / file.name
        self._partial = directory / f"{file.name}.partial"
        self._limits = limits
        self._progress = progress or (lambda name, done, total: None)
        self._deadline = time.monotonic() + limits.total_timeout

    def run(self, client: httpx.Client) -> Path:
        """Tries each source in order; see `download_file`."""
        reasons: dict[str, list[str]] = {}
        unreachable: set[str] = set()
        hosts = [httpx.URL(url).host for url in self._file.urls]
        for host, url in zip(hosts, self._file.urls, strict=True):
            if host in unreachable or time.monotonic() >= self._deadline:
                continue
            try:
                self._from_source(client, url)
            except _SourceFailedError as error:
                reasons.setdefault(str(error), []).append(host)
                if isinstance(error, _HostUnreachableError):
                    unreachable.add(host)
            else:
                return self._path
        raise DownloadError(self._file.name, reasons, unreachable=unreachable == set(hosts))

    def _from_source(self, client: httpx.Client, url: str) -> None:
        """Retries until the file is complete and verified; attempts that bring new bytes do not count."""
        failures = unconnected = 0
        while True:
            before = self._size()
            resumed = before > 0
            try:
                self._attempt(client, url, before)
            except _AttemptFailedError as error:
                failures = 1 if self._size() > before else failures + 1
                unconnected = 0 if error.connected else unconnected + 1
                if unconnected >= self._limits.connect_attempts:
                    raise _HostUnreachableError(f"not reached ({error})") from error
                self._wait_or_give_up(failures, str(error))
                continue
            if self._take():
                return
            if not resumed:
                raise _SourceFailedError(f"sent another file: sha256 is not {self._file.sha256}; it was deleted")
            # the part that was resumed may have been another file's: start again from byte 0

    def _attempt(self, client: httpx.Client, url: str, offset: int) -> None:
        """Appends what the source sends from `offset` on until the file is complete."""
        if offset >= self._file.size:
            return
        # a compressed body cannot be resumed
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        try:
            with client.stream("GET", url, headers=headers) as response:
                offset = self._accept(response, offset)
                self._write(response, offset)
        except httpx.TooManyRedirects as error:
            raise _SourceFailedError("too many redirects") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise _SourceFailedError(f"redirects to an invalid address ({error})") from error
        except httpx.ConnectTimeout as error:
            reason = f"no connection within {self._limits.connect_timeout:g} s"
            raise _AttemptFailedError(reason, connected=False) from error
        except httpx.ConnectError as error:
            raise _AttemptFailedError(str(error), connected=False) from error
        except httpx.TimeoutException as error:
            raise _AttemptFailedError(f"no byte for {self._limits.stall_timeout:g} s") from error
        except httpx.HTTPError as error:
            raise _AttemptFailedError(str(error) or type(error).__name__) from error

    def _accept(self, response: httpx.Response, offset: int) -> int:
        """Checks the response's status and headers; returns the offset of its first byte."""
        first, last = (response.history or [response])[0].request.url, response.url
        if first.scheme == "https" and last.scheme != "https":
            raise _SourceFailedError(f"redirects to {last.scheme}, which is not authenticated")
        status = response.status_code
        if status == HTTP_RANGE_NOT_SATISFIABLE and offset:
            self._partial.unlink()
            raise _AttemptFailedError("the source refuses to resume")
        if status in TRANSIENT_STATUSES:
            raise _AttemptFailedError(f"HTTP {status}")
        if status not in {HTTP_OK, HTTP_PARTIAL_CONTENT}:
            raise _SourceFailedError(f"HTTP {status}")
        if status == HTTP_PARTIAL_CONTENT:
            announced = response.headers.get("Content-Range", "")
            if not announced.startswith(f"bytes {offset}-"):
                raise _SourceFailedError(f"answered a request for bytes from {offset} with {announced!r}")
        else:
            offset = 0  # ranges are not supported: the whole file comes again
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and offset + int(length) != self._file.size:
            raise _SourceFailedError(f"offers {offset + int(length)} bytes, published are {self._file.size}")
        return offset

    def _write(self, response: httpx.Response, offset: int) -> None:
        with self._partial.open("r+b" if offset else "wb") as partial:
            partial.seek(offset)
            for block in response.iter_raw():
                offset += len(block)
                if offset > self._file.size:
                    partial.truncate(0)
                    raise _SourceFailedError(f"sent more than the published {self._file.size} bytes")
                partial.write(block)
                self._progress(self._file.name, offset, self._file.size)
                if time.monotonic() >= self._deadline:
                    raise _SourceFailedError(f"not done after {self._limits.total_timeout:g} s")
        if offset < self._file.size:
            raise _AttemptFailedError(f"ended after {offset} of {self._file.size} bytes")

    def _take(self) -> bool:
        """Gives the complete file its name, or deletes it and says False where its hash is wrong."""
        if file_sha256(self._partial) != self._file.sha256:
            self._partial.unlink()
            return False
        self._partial.replace(self._path)
        return True

    def _size(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    def _wait_or_give_up(self, failures: int, reason: str) -> None:
        pause = min(self._limits.first_pause * 2 ** (failures - 1), self._limits.longest_pause)
        if failures >= self._limits.attempts:
            raise _SourceFailedError(f"{reason} ({failures} attempts)")
        if time.monotonic() + pause >= self._deadline:
            raise _SourceFailedError(f"{reason} (not done after {self._limits.total_timeout:g} s)")
        time.sleep(pause)


def download_file(
    file: OriginalFile,
    directory: Path,
    *,
    limits: DownloadLimits | None = None,
    progress: Progress | None = None,
    transport: httpx.BaseTransport | None = None,
) -> Path:
    """The published file in `directory`, downloaded if it is not there yet.

    A file that is there under its name is hashed, and downloaded again if it is not the published one.

    Args:
        file: what to download, with its size, sha256 and addresses.
        directory: where to; made if need be.
        limits: times and attempts.
        progress: called for each piece that arrives.
        transport: of httpx; its own by default.

    Raises:
        DownloadError: no source gave the file; says why for each of them.
        OSError: the directory cannot be written.
    """
    limits = limits or DownloadLimits()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / file.name
    if path.exists():
        if path.stat().st_size == file.size and file_sha256(path) == file.sha256:
            return path
        path.unlink()
    timeout = httpx.Timeout(limits.stall_timeout, connect=limits.connect_timeout)
    with httpx.Client(timeout=timeout, follow_redirects=True, max_redirects=5, transport=transport) as client:
        return _Download(file, directory, limits=limits, progress=progress).run(client)
