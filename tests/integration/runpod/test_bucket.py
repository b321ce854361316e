"""Results in the caller's own bucket."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.public_addresses import any_addresses, public_addresses
from faceswap_server.runpod.bucket import Bucket, BucketConfig, parse_s3_config

CONFIG = {"accessId": "id", "accessSecret": "secret", "bucketName": "results", "endpointUrl": "https://s3.example"}


class Storage(http.server.ThreadingHTTPServer):
    """An S3 that stores what is put and gives back what is signed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.refuse = False


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Storage
    protocol_version = "HTTP/1.1"  # keeps connections, as object stores do

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.refuse:
            return self._answer(403, b"<Error><Code>AccessDenied</Code><Message>secret detail</Message></Error>")
        self.server.objects[self.path.partition("?")[0]] = (data, self.headers["Content-Type"])
        return self._answer(200, b"")

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        found = self.server.objects.get(path)
        if found is None or "X-Amz-Signature=" not in query:
            return self._answer(404, b"")
        return self._answer(200, found[0], found[1])

    def _answer(self, status: int, body: bytes, kind: str = "application/xml") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as storage:
        thread = threading.Thread(target=storage.serve_forever)
        thread.start()
        yield storage
        storage.shutdown()
        thread.join()


async def upload(target: Bucket, data: bytes, job_id: str) -> str:
    try:
        return await target.upload(data, job_id, 0, "png")
    finally:
        target.close()


def bucket(storage: Storage) -> Bucket:
    url = f"http://127.0.0.1:{storage.server_port}"
    config = parse_s3_config({**CONFIG, "endpointUrl": url}, allow_http=True)
    return Bucket(config, link_seconds=120, timeout=4, resolve=any_addresses)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_an_image_is_stored_and_its_link_reads_it_for_a_short_while(storage: Storage) -> None:
    link = asyncio.run(upload(bucket(storage), b"image", "sync-1/../../x"))
    assert "X-Amz-Expires=120" in link
    answer = httpx.get(link, trust_env=False, timeout=60)
    assert answer.content == b"image"
    assert answer.headers["content-type"] == "image/png"
    (path,) = storage.objects
    assert path.startswith("/results/faceswap/sync-1_______x-")
    again = asyncio.run(upload(bucket(storage), b"image", "sync-1/../../x"))
    assert again.partition("?")[0] != link.partition("?")[0], "one link does not tell another"


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_a_closed_bucket_keeps_no_connection(storage: Storage) -> None:
    def connections() -> int:
        port = storage.server_port
        return sum(bool(c.raddr) and c.raddr.port == port for c in psutil.Process().net_connections("tcp"))

    target = bucket(storage)
    asyncio.run(target.upload(b"image", "1", 0, "png"))
    assert connections() == 1, "kept for the next image of the job"
    client = target._client  # held, so that no garbage collection closes it
    target.close()
    target.close()
    assert client is not None and connections() == 0


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_a_bucket_that_refuses(storage: Storage) -> None:
    storage.refuse = True
    with pytest.raises(JobError, match=r"^UPLOAD_FAILED: the bucket refused the image \(AccessDenied\)$"):
        asyncio.run(upload(bucket(storage), b"image", "1"))


def test_a_bucket_that_is_not_there() -> None:
    config = BucketConfig("http://127.0.0.1:9", "results", "id", "secret")
    gone = Bucket(config, link_seconds=60, timeout=2, resolve=any_addresses)
    with pytest.raises(JobError, match=r"^UPLOAD_FAILED: the bucket could not be used \(EndpointConnectionError\)$"):
        asyncio.run(upload(gone, b"image", "1"))


def test_a_bucket_inside_is_refused() -> None:
    config = parse_s3_config({**CONFIG, "endpointUrl": "https://169.254.169.254"})
    inside = Bucket(config, link_seconds=60, timeout=2, resolve=public_addresses)
    with pytest.raises(JobError, match="BAD_S3_CONFIG: .* public internet"):
        asyncio.run(upload(inside, b"image", "1"))


@pytest.mark.parametrize(
    "value",
    [
        None, [], "x", {}, {**CONFIG, "accessId": ""}, {**CONFIG, "bucketName": 3}, {**CONFIG, "endpointUrl": "s3"},
        {**CONFIG, "endpointUrl": "http://s3.example"}, {**CONFIG, "endpointUrl": "https://["},
        {**CONFIG, "endpointUrl": "https://a:b"},
    ],
)  # fmt: skip
def test_configurations_that_cannot_be_used(value: Any) -> None:
    with pytest.raises(JobError, match="^BAD_S3_CONFIG: ") as caught:
        parse_s3_config(value)
    assert "secret" not in str(caught.value)


def test_secrets_stay_out_of_what_is_printed_and_regions_are_read() -> None:
    config = parse_s3_config({**CONFIG, "endpointUrl": "https://s3.eu-central-1.amazonaws.com"})
    assert config.region == "eu-central-1"
    assert "secret" not in repr(config)
    assert parse_s3_config(CONFIG).region == "us-east-1"
