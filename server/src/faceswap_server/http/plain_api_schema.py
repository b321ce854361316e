"""OpenAPI of the gateway's two calls. Options and their texts are the service's own."""

from __future__ import annotations

from typing import Any

from faceswap_contract.errors import ERRORS
from faceswap_core.options import Options

from faceswap_server.jobs.job_input import FACES_OPTIONS

Schema = dict[str, Any]

_TEXT_IMAGE: Schema = {"type": "string", "description": "base64, a data URL, or an https URL"}
_FILE: Schema = {"type": "string", "format": "binary"}
_ANY_OBJECT: Schema = {"schema": {"type": "object"}}


def _one_or_more(item: Schema) -> Schema:
    return {"oneOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _options(names: tuple[str, ...]) -> Schema:
    fields = Options.model_fields
    return {name: {"description": fields[name].description, "default": _plain(fields[name].default)} for name in names}


def _plain(default: Any) -> Any:
    return getattr(default, "value", default)


def _object(required: list[str], properties: Schema) -> Schema:
    return {"schema": {"type": "object", "required": required, "properties": properties, "additionalProperties": False}}


def _responses(images: bool) -> Schema:
    content: Schema = {"application/json": _ANY_OBJECT}
    if images:
        content |= {f"image/{name}": {"schema": _FILE} for name in ("jpeg", "png", "webp")}
    responses: Schema = {"200": {"description": "the result", "content": content}}
    for status in sorted({fact.http_status for fact in ERRORS.values()}):
        codes = ", ".join(code for code, fact in ERRORS.items() if fact.http_status == status)
        error = {"type": "object", "properties": {"error": {"type": "string", "examples": ["CODE: text"]}}}
        responses[str(status)] = {"description": codes, "content": {"application/json": {"schema": error}}}
    return responses


def _call(required: list[str], json: Schema, form: Schema, images: bool) -> Schema:
    content = {"multipart/form-data": _object(required, form), "application/json": _object(required, json)}
    return {"requestBody": {"required": True, "content": content}, "responses": _responses(images)}


_SWAP_OPTIONS = _options(tuple(Options.model_fields)) | {"allow_reencode": {"type": "boolean", "default": False}}

SWAP = _call(
    ["source", "target"],
    {"source": _one_or_more(_TEXT_IMAGE), "target": _one_or_more(_TEXT_IMAGE), **_SWAP_OPTIONS},
    {"source": {"type": "array", "items": _FILE}, "target": {"type": "array", "items": _FILE}, **_SWAP_OPTIONS},
    images=True,
)
FACES = _call(
    ["image"],
    {"image": _TEXT_IMAGE, **_options(FACES_OPTIONS)},
    {"image": _FILE, **_options(FACES_OPTIONS)},
    images=False,
)
