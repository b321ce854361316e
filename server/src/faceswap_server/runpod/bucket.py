"""Upload of results to the caller's S3 bucket, answered with short-lived presigned links.

The SDK's helper is not used: its links are valid for a week, and without credentials it writes the image to the
worker's disk and returns a path. The bucket's address comes from a caller, so it must be https on the public internet:
TLS checks the certificate against the name, which no host of a private network has for a caller's name.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from faceswap_server.jobs.job_errors import JobError
from faceswap_server.jobs.public_addresses import NotPublic, Resolve, public_addresses

_FIELDS = ("accessId", "accessSecret", "bucketName", "endpointUrl")
_LONGEST = 1024
_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9_-]")
_AWS_REGION = re.compile(r"(?:^|\.)s3[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d)\.")


@dataclass(frozen=True, slots=True)
class BucketConfig:
    """The job's `s3Config`."""

    endpoint_url: str
    bucket: str
    access_id: str = field(repr=False)
    access_secret: str = field(repr=False)

    @property
    def region(self) -> str:
        """Region in an AWS address; other S3 services take any."""
        found = _AWS_REGION.search(urlsplit(self.endpoint_url).netloc)
        return found.group("region") if found else "us-east-1"


def parse_s3_config(value: object, *, allow_http: bool = False) -> BucketConfig:
    """Checks a job's `s3Config`; raises BAD_S3_CONFIG."""
    if not isinstance(value, dict):
        raise JobError("BAD_S3_CONFIG", f"s3Config must be an object with {', '.join(_FIELDS)}")
    for name in _FIELDS:
        if not isinstance(value.get(name), str) or not 1 <= len(value[name]) <= _LONGEST:
            raise JobError("BAD_S3_CONFIG", f"s3Config.{name} must be text of 1 to {_LONGEST} characters")
    try:
        parts = urlsplit(value["endpointUrl"])
        secure, host, port = parts.scheme == "https", parts.hostname, parts.port
    except ValueError:
        secure, host, port = False, None, None
    if not host or port == 0 or not (secure or (allow_http and parts.scheme == "http")):
        raise JobError("BAD_S3_CONFIG", "s3Config.endpointUrl must be an https URL")
    return BucketConfig(value["endpointUrl"], value["bucketName"], value["accessId"], value["accessSecret"])


class Bucket:
    """One caller's bucket, for one job."""

    def __init__(
        self, config: BucketConfig, *, link_seconds: int, timeout: float, resolve: Resolve = public_addresses
    ) -> None:
        self._config = config
        self._link_seconds = link_seconds
        self._timeout = timeout
        self._resolve = resolve
        self._client: Any = None

    def close(self) -> None:
        """Closes the connections to the bucket; idempotent. A bucket belongs to one job."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def upload(self, data: bytes, job_id: str, index: int, image_format: str) -> str:
        """Stores one image and returns a link that reads it for `link_seconds`.

        Raises:
            JobError: BAD_S3_CONFIG for an address that is not public, UPLOAD_FAILED.
        """
        parts = urlsplit(self._config.endpoint_url)
        try:
            await self._resolve(parts.hostname or "", parts.port or 443)
        except NotPublic:
            raise JobError("BAD_S3_CONFIG", "s3Config.endpointUrl does not lead to the public internet") from None
        # the random part keeps other jobs' links from being guessed
        key = f"faceswap/{_NOT_IN_A_KEY.sub('_', job_id)[:80]}-{secrets.token_hex(8)}/{index}.{image_format}"
        return await asyncio.to_thread(self._upload, data, key, f"image/{image_format}")

    def _upload(self, data: bytes, key: str, content_type: str) -> str:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (half a second, few jobs need it)

        try:
            client = self._connect()
            # first, for an image without a link would stay in the bucket unknown to the caller
            link = client.generate_presigned_url(
                "get_object", Params={"Bucket": self._config.bucket, "Key": key}, ExpiresIn=self._link_seconds
            )
            client.put_object(Bucket=self._config.bucket, Key=key, Body=data, ContentType=content_type)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))[:40]
            raise JobError("UPLOAD_FAILED", f"the bucket refused the image ({code or 'no code'})") from None
        except (BotoCoreError, ValueError) as error:
            raise JobError("UPLOAD_FAILED", f"the bucket could not be used ({type(error).__name__})") from None
        return str(link)

    def _connect(self) -> Any:
        if self._client is None:
            import boto3  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415

            timeout = self._timeout / 2
            config = Config(
                signature_version="s3v4",
                connect_timeout=min(5.0, timeout),
                read_timeout=timeout,
                retries={"total_max_attempts": 2, "mode": "standard"},
            )
            self._client = boto3.session.Session().client(
                "s3",
                endpoint_url=self._config.endpoint_url,
                aws_access_key_id=self._config.access_id,
                aws_secret_access_key=self._config.access_secret,
                region_name=self._config.region,
                config=config,
            )
        return self._client
