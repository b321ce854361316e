"""Parsing of a job's `input`: images and options. Pure; nothing is fetched, and only base64 is decoded.

    {"source": IMAGE or [IMAGE, ...], "target": IMAGE or [IMAGE, ...], ...options}
    {"task": "faces", "image": IMAGE, ...options}

An IMAGE is text: base64, a data URL, or an https URL. Options have the service's own names; their values are checked
there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from faceswap_contract.options import OPTIONS, Task, options_of

from faceswap_server.jobs.job_errors import JobError

SWAP_OPTIONS = tuple(each.name for each in options_of(Task.SWAP))
FACES_OPTIONS = tuple(each.name for each in options_of(Task.FACES))
JOB_OPTIONS = tuple(each.name for each in OPTIONS if not each.in_service)
SWAP_FIELDS = ("task", "source", "target", *JOB_OPTIONS, *SWAP_OPTIONS)
FACES_FIELDS = ("task", "image", *FACES_OPTIONS)

_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*(?P<base64>;base64)?,", re.ASCII)
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://", re.ASCII)
_SPACE = re.compile(r"[ \t\r\n]")
_LONGEST_URL = 4096


@dataclass(frozen=True, slots=True)
class InputLimits:
    """What one job may hold."""

    max_sources: int
    max_targets: int
    max_image_bytes: int  # of one image, encoded (JPEG, PNG...), not base64
    max_job_bytes: int  # of all its images together


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image as a job names it: an https URL, base64, or (from a form) its bytes."""

    where: str  # for messages: `source[0]`
    text: str = field(repr=False)
    data: bytes | None = field(default=None, repr=False)

    @property
    def is_url(self) -> bool:
        return self.text.startswith("https://")


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job's input, its shape checked. Option values are checked by the service."""

    task: Literal["swap", "faces"]
    sources: tuple[ImageReference, ...]  # empty for `faces`
    targets: tuple[ImageReference, ...]  # for `faces` the one image
    one_target: bool  # a list of targets gets a list of results, even a list of one
    allow_reencode: bool
    options: dict[str, Any]


def parse_input(value: object, limits: InputLimits) -> JobRequest:
    """Checks the shape of a job's input.

    Raises:
        JobError: BAD_INPUT, UNKNOWN_OPTION, WRONG_PICTURE_COUNT, BAD_BASE64, DOWNLOAD_REFUSED or TOO_MANY_BYTES.
    """
    if not isinstance(value, dict):
        raise JobError("BAD_INPUT", f"input must be an object, not {_kind(value)}")
    task = value.get("task", "swap")
    if task not in ("swap", "faces"):
        raise JobError("BAD_INPUT", f"task must be 'swap' or 'faces', not {shown(task)}")
    known = SWAP_FIELDS if task == "swap" else FACES_FIELDS
    for name in value:
        if name not in known:
            raise JobError("UNKNOWN_OPTION", f"input has no field {shown(name)}; known fields: {', '.join(known)}")
    options = {name: _option(name, value[name]) for name in SWAP_OPTIONS if value.get(name) is not None}
    if task == "faces":
        image = image_reference("image", required(value, "image"), limits)
        return JobRequest("faces", (), (image,), True, False, options)
    allow_reencode = value.get("allow_reencode", False)
    if not isinstance(allow_reencode, bool):
        raise JobError("BAD_INPUT", f"allow_reencode must be true or false, not {_kind(allow_reencode)}")
    sources = _images("source", required(value, "source"), limits.max_sources, limits)
    targets = _images("target", required(value, "target"), limits.max_targets, limits)
    return JobRequest("swap", sources, targets, not isinstance(value["target"], list), allow_reencode, options)


def decode_inline(image: ImageReference, max_bytes: int) -> bytes:
    """The bytes of an image that was sent as base64; raises BAD_BASE64 or TOO_MANY_BYTES."""
    text = _SPACE.sub("", image.text)  # `base64` breaks its lines
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise JobError("BAD_BASE64", f"{image.where} is not standard base64") from None
    check_size(image.where, len(data), max_bytes)
    return data


def check_size(where: str, size: int, max_bytes: int, about: str = "") -> None:
    """Raises TOO_MANY_BYTES for more than `max_bytes`; `about` is "about " where the size is an estimate."""
    if size > max_bytes:
        raise JobError("TOO_MANY_BYTES", f"{where} has {about}{size} bytes, at most {max_bytes} are allowed")


def required(value: Mapping[Any, Any], name: str) -> object:
    """The value of a field; raises BAD_INPUT where it is missing or null."""
    if value.get(name) is None:
        raise JobError("BAD_INPUT", f"input has no '{name}'")
    return value[name]


def _images(name: str, value: object, most: int, limits: InputLimits) -> tuple[ImageReference, ...]:
    if not isinstance(value, list):
        return (image_reference(name, value, limits),)
    if not 1 <= len(value) <= most:
        raise JobError("WRONG_PICTURE_COUNT", f"'{name}' has {len(value)} images, 1 to {most} are allowed")
    return tuple(image_reference(f"{name}[{index}]", item, limits) for index, item in enumerate(value))


def image_reference(where: str, value: object, limits: InputLimits) -> ImageReference:
    """An image as a job names it: base64, a data URL, an https URL, or a form's bytes.

    Raises:
        JobError: BAD_INPUT, EMPTY_IMAGE, BAD_BASE64, DOWNLOAD_REFUSED or TOO_MANY_BYTES; `where` names the field.
    """
    if isinstance(value, bytes):  # JSON has none; a form's file
        check_size(where, len(value), limits.max_image_bytes)
        return ImageReference(where, "", value)
    if not isinstance(value, str):
        raise JobError("BAD_INPUT", f"{where} must be text (base64, a data URL or an https URL), not {_kind(value)}")
    if not value.strip():
        raise JobError("EMPTY_IMAGE", f"{where} is empty")
    scheme = _SCHEME.match(value)
    if scheme:
        if scheme.group().lower() != "https://":
            raise JobError("DOWNLOAD_REFUSED", f"{where} is a {scheme.group()[:20]} URL; only https:// is allowed")
        if len(value) > _LONGEST_URL:
            raise JobError("DOWNLOAD_REFUSED", f"{where} is a URL of more than {_LONGEST_URL} characters")
        return ImageReference(where, "https://" + value[len("https://") :])
    if value[:5].lower() == "data:":
        header = _DATA_URL.match("data:" + value[5:1000])
        if header is None or not header.group("base64"):
            raise JobError("BAD_BASE64", f"{where} is a data URL without ';base64,'")
        value = value[header.end() :]
    # 4 characters hold 3 bytes; refused before anything is decoded. A line break every 76 characters is allowed for
    check_size(where, len(value) * 3 // 4 * 76 // 78 - 2, limits.max_image_bytes, "about ")
    return ImageReference(where, value)


def _option(name: str, value: object) -> object:
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, list) and all(isinstance(item, int) and not isinstance(item, bool) for item in value):
        return value
    raise JobError("INVALID_OPTION", f"{name} cannot be {_kind(value)}")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def shown(value: object) -> str:
    """A value as messages show it, at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
