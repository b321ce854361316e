"""Downloads against servers that truncate, stall, lie, refuse ranges, redirect, or are not there."""

from __future__ import annotations

import hashlib
import importlib.util
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from faceswap_models.insightface import DownloadError, DownloadLimits, OriginalFile, download_file

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
OTHER = bytes(reversed(CONTENT))
QUICK = DownloadLimits(
    connect_timeout=10, stall_timeout=10, total_timeout=60, attempts=3, first_pause=0.01, longest_pause=0.02
)
IMPATIENT = replace(QUICK, stall_timeout=0.5)  # where the source does stall


def _load_unruly_server() -> Any:
    """The server's module; pytest's importlib mode puts no test directory on the path."""
    name = "unruly_http_server"
    specification = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def server() -> Iterator[Any]:
    with _load_unruly_server().unruly_server() as running:
        yield running


def _file(*urls: str, content: bytes = CONTENT) -> OriginalFile:
    return OriginalFile("network.onnx", len(content), hashlib.sha256(content).hexdigest(), urls)


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _ranges(server: Any) -> list[str]:
    return [asked for _, asked in server.requests]


def test_a_plain_download_reports_progress_and_is_not_repeated(server: Any, tmp_path: Path) -> None:
    url = server.on("/f", lambda request: request.send_from_offset(CONTENT))
    seen: list[tuple[str, int, int]] = []
    path = download_file(_file(url), tmp_path / "new", limits=QUICK, progress=lambda *values: seen.append(values))
    assert path == tmp_path / "new" / "network.onnx"
    assert path.read_bytes() == CONTENT
    assert _names(path.parent) == ["network.onnx"]
    assert seen[-1] == ("network.onnx", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})
    download_file(_file(url), tmp_path / "new", limits=QUICK)
    assert len(server.requests) == 1


def test_a_truncated_download_goes_on_where_it_stopped(server: Any, tmp_path: Path) -> None:
    stops = iter([100_000, 180_000, None])
    url = server.on("/f", lambda request: request.send_from_offset(CONTENT, stop=next(stops)))
    assert download_file(_file(url), tmp_path, limits=QUICK).read_bytes() == CONTENT
    assert _ranges(server) == ["", "bytes=100000-", "bytes=180000-"]


def test_a_stalled_download_goes_on_where_it_stopped(server: Any, tmp_path: Path) -> None:
    def stall_once(request: Any) -> None:
        if request.offset:
            request.send_from_offset(CONTENT)
        else:
            request.send_from_offset(CONTENT, stop=70_000)
            request.stall()

    url = server.on("/f", stall_once)
    assert download_file(_file(url), tmp_path, limits=IMPATIENT).read_bytes() == CONTENT
    assert _ranges(server) == ["", "bytes=70000-"]


def test_a_source_that_only_stalls_is_given_up_for_the_next(server: Any, tmp_path: Path) -> None:
    dead = server.on("/dead", lambda request: request.stall())
    good = server.on("/good", lambda request: request.send_from_offset(CONTENT))
    assert download_file(_file(dead, good), tmp_path, limits=IMPATIENT).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/dead"] * 3 + ["/good"]


def test_a_refused_range_starts_again_from_the_first_byte(server: Any, tmp_path: Path) -> None:
    stops = iter([100_000, None])
    url = server.on("/f", lambda request: request.send_whole(CONTENT, stop=next(stops)))
    assert download_file(_file(url), tmp_path, limits=QUICK).read_bytes() == CONTENT
    assert _ranges(server) == ["", "bytes=100000-"]


def test_an_unsatisfiable_range_starts_again_from_the_first_byte(server: Any, tmp_path: Path) -> None:
    (tmp_path / "network.onnx.partial").write_bytes(b"x" * 1000)

    def no_ranges(request: Any) -> None:
        if request.offset:
            request.head(416, Content_Length=0)
        else:
            request.send_whole(CONTENT)

    url = server.on("/f", no_ranges)
    assert download_file(_file(url), tmp_path, limits=QUICK).read_bytes() == CONTENT
    assert _ranges(server) == ["bytes=1000-", ""]


def test_a_range_answered_with_other_bytes_is_not_written(server: Any, tmp_path: Path) -> None:
    (tmp_path / "network.onnx.partial").write_bytes(CONTENT[:1000])

    def wrong_place(request: Any) -> None:
        request.head(206, Content_Length=10, Content_Range=f"bytes 0-9/{len(CONTENT)}")
        request.wfile.write(CONTENT[:10])

    url = server.on("/f", wrong_place)
    with pytest.raises(DownloadError, match="answered a request for bytes from 1000 with 'bytes 0-9"):
        download_file(_file(url), tmp_path, limits=QUICK)
    assert (tmp_path / "network.onnx.partial").read_bytes() == CONTENT[:1000]


def test_a_wrong_file_is_deleted_and_named_and_the_next_source_is_tried(server: Any, tmp_path: Path) -> None:
    wrong = server.on("/wrong", lambda request: request.send_from_offset(OTHER))
    good = server.on("/good", lambda request: request.send_from_offset(CONTENT))
    with pytest.raises(DownloadError, match=r"network.onnx could not .* sent another file: sha256 is not .* deleted"):
        download_file(_file(wrong), tmp_path, limits=QUICK)
    assert _names(tmp_path) == []
    assert len(server.requests) == 1, "a source that sends another file is not asked twice"
    assert download_file(_file(wrong, good), tmp_path, limits=QUICK).read_bytes() == CONTENT


def test_a_wrong_beginning_left_by_another_source_is_dropped(server: Any, tmp_path: Path) -> None:
    (tmp_path / "network.onnx.partial").write_bytes(OTHER[:50_000])
    url = server.on("/f", lambda request: request.send_from_offset(CONTENT))
    assert download_file(_file(url), tmp_path, limits=QUICK).read_bytes() == CONTENT
    assert _ranges(server) == ["bytes=50000-", ""]


def test_a_file_of_that_name_with_other_bytes_is_downloaded_again(server: Any, tmp_path: Path) -> None:
    (tmp_path / "network.onnx").write_bytes(OTHER)
    url = server.on("/f", lambda request: request.send_from_offset(CONTENT))
    assert download_file(_file(url), tmp_path, limits=QUICK).read_bytes() == CONTENT


@pytest.mark.parametrize("length", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_another_size_is_refused_before_a_byte_is_taken(server: Any, tmp_path: Path, length: int) -> None:
    url = server.on("/f", lambda request: request.send_whole(bytes(length)))
    with pytest.raises(DownloadError, match=f"offers {length} bytes, published are {len(CONTENT)}"):
        download_file(_file(url), tmp_path, limits=QUICK)
    assert _names(tmp_path) == []


def test_more_bytes_than_published_are_cut_off(server: Any, tmp_path: Path) -> None:
    def endless(request: Any) -> None:
        request.head(200)  # no length: the body ends with the connection
        while True:
            request.wfile.write(bytes(100_000))

    url = server.on("/f", endless)
    with pytest.raises(DownloadError, match="sent more than the published 300000 bytes"):
        download_file(_file(url), tmp_path, limits=QUICK)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


def test_redirects_are_followed(server: Any, tmp_path: Path) -> None:
    good = server.on("/good", lambda request: request.send_from_offset(CONTENT))
    hop = server.on("/hop", lambda request: request.head(302, Location=good, Content_Length=0))
    start = server.on("/start", lambda request: request.head(301, Location=hop, Content_Length=0))
    assert download_file(_file(start), tmp_path, limits=QUICK).read_bytes() == CONTENT


def test_redirects_without_end_are_given_up_at_once(server: Any, tmp_path: Path) -> None:
    loop = server.on("/loop", lambda request: request.head(302, Location="/loop", Content_Length=0))
    with pytest.raises(DownloadError, match="127.0.0.1: too many redirects"):
        download_file(_file(loop), tmp_path, limits=QUICK)
    assert len(server.requests) == 6


def test_a_redirect_from_https_to_http_is_refused(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://mirror.test/f"})
        return httpx.Response(200, content=CONTENT)

    with pytest.raises(DownloadError, match="source.test: redirects to http, which is not authenticated"):
        download_file(_file("https://source.test/f"), tmp_path, limits=QUICK, transport=httpx.MockTransport(answer))
    assert _names(tmp_path) == []


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, 3), (429, 3)])
def test_passing_errors_are_tried_again_and_lasting_ones_are_not(
    server: Any, tmp_path: Path, status: int, requests: int
) -> None:
    url = server.on("/f", lambda request: request.head(status, Content_Length=0))
    with pytest.raises(DownloadError, match=f"127.0.0.1: HTTP {status}") as failure:
        download_file(_file(url), tmp_path, limits=QUICK)
    assert len(server.requests) == requests
    assert not failure.value.unreachable


def test_pauses_double_up_to_the_longest(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("faceswap_models.insightface.download.time.sleep", pauses.append)
    url = server.on("/f", lambda request: request.head(503, Content_Length=0))
    limits = DownloadLimits(attempts=6, first_pause=1, longest_pause=5)
    with pytest.raises(DownloadError, match=r"HTTP 503 \(6 attempts\)"):
        download_file(_file(url), tmp_path, limits=limits)
    assert pauses == [1, 2, 4, 5, 5]


def test_a_trickle_ends_at_the_total_timeout(server: Any, tmp_path: Path) -> None:
    def trickle(request: Any) -> None:
        request.head(200, Content_Length=len(CONTENT))
        while not request.unruly.closing.wait(0.05):
            request.wfile.write(b"x")

    url = server.on("/f", trickle)
    limits = DownloadLimits(stall_timeout=5, total_timeout=0.6)
    with pytest.raises(DownloadError, match="not done after 0.6 s"):
        download_file(_file(url), tmp_path, limits=limits)


def test_hosts_that_cannot_be_reached_are_told_in_one_line_and_asked_once(tmp_path: Path) -> None:
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.host)
        raise httpx.ConnectError("Name or service not known", request=request)

    urls = ("https://a.test/1", "https://a.test/2", "https://b.test/1")
    with pytest.raises(DownloadError) as failure:
        download_file(_file(*urls), tmp_path, limits=QUICK, transport=httpx.MockTransport(answer))
    assert calls == ["a.test"] * 2 + ["b.test"] * 2
    assert str(failure.value) == (
        "network.onnx could not be downloaded: a.test, b.test: not reached (Name or service not known)"
    )
    assert failure.value.unreachable


def test_a_refused_connection_is_a_host_not_reached(tmp_path: Path) -> None:
    with socket.socket() as silent, pytest.raises(DownloadError, match="127.0.0.1: not reached") as failure:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/f"
        download_file(_file(url), tmp_path, limits=QUICK)
    assert failure.value.unreachable


def test_what_arrived_stays_for_the_next_run(server: Any, tmp_path: Path) -> None:
    url = server.on("/f", lambda request: request.send_from_offset(CONTENT, stop=120_000))
    with pytest.raises(DownloadError, match="127.0.0.1: "):
        download_file(_file(url), tmp_path, limits=QUICK)
    assert _names(tmp_path) == ["network.onnx.partial"]
    behaviour: Callable[[Any], None] = lambda request: request.send_from_offset(CONTENT)  # noqa: E731
    server.on("/f", behaviour)
    server.requests.clear()
    assert download_file(_file(url), tmp_path, limits=QUICK).read_bytes() == CONTENT
    assert _ranges(server) == ["bytes=120000-"]
