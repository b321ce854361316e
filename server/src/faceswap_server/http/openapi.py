"""OpenAPI document of the plain API; options, limits and error codes come from the contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from faceswap_contract.errors import ERRORS, Origin
from faceswap_contract.options import OPTIONS, Kind, Option, Task, options_of

from faceswap_server.http.application import HEALTH_PATHS

Schema = dict[str, Any]

_TEXT_IMAGE: Schema = {"type": "string", "description": "base64, a data URL, or an https URL"}
_FILE: Schema = {"type": "string", "format": "binary"}
_ORIGINS = frozenset((Origin.SERVICE, Origin.HTTP, Origin.WORKER))
_ANY_OBJECT: Schema = {"schema": {"type": "object"}}


def _one_or_more(item: Schema) -> Schema:
    return {"oneOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _options(options: Iterable[Option]) -> Schema:
    return {each.name: option_schema(each) for each in options}


def option_schema(option: Option) -> Schema:
    """JSON schema of one option's value; a form's field holds the same as text."""
    schema: Schema = {"description": f"{option.about} Allowed: {option.allowed}"}
    if option.default is not None:
        schema["default"] = option.default
    index = {"type": "integer", "minimum": 0}
    if option.kind is Kind.FACE_INDEX:
        return schema | {"oneOf": [{"const": option.word}, index]}
    if option.kind is Kind.FACE_INDEXES:
        return schema | {"oneOf": [{"type": "string"}, {"type": "array", "items": index}]}
    if option.kind is Kind.CHOICE:
        return schema | {"type": "string", "enum": list(option.choices)}
    schema["type"] = {Kind.INTEGER: "integer", Kind.NUMBER: "number", Kind.FLAG: "boolean"}[option.kind]
    bounds = {"minimum": option.minimum, "maximum": option.maximum}
    return schema | {name: bound for name, bound in bounds.items() if bound is not None}


def _object(required: list[str], properties: Schema) -> Schema:
    return {"schema": {"type": "object", "required": required, "properties": properties, "additionalProperties": False}}


def _responses(images: bool) -> Schema:
    content: Schema = {"application/json": _ANY_OBJECT}
    if images:
        content |= {f"image/{name}": {"schema": _FILE} for name in ("jpeg", "png", "webp")}
    responses: Schema = {"200": {"description": "the result", "content": content}}
    facts = [fact for fact in ERRORS.values() if _ORIGINS.intersection(fact.origins)]
    for status in sorted({fact.http_status for fact in facts}):
        codes = ", ".join(fact.code for fact in facts if fact.http_status == status)
        error = {"type": "object", "properties": {"error": {"type": "string", "examples": ["CODE: text"]}}}
        responses[str(status)] = {"description": codes, "content": {"application/json": {"schema": error}}}
    return responses


def _call(required: list[str], json: Schema, form: Schema, images: bool) -> Schema:
    content = {"multipart/form-data": _object(required, form), "application/json": _object(required, json)}
    return {"requestBody": {"required": True, "content": content}, "responses": _responses(images)}


_SWAP_OPTIONS = _options((*options_of(Task.SWAP), *(each for each in OPTIONS if not each.in_service)))
_FACES_OPTIONS = _options(options_of(Task.FACES))

_SWAP = _call(
    ["source", "target"],
    {"source": _one_or_more(_TEXT_IMAGE), "target": _one_or_more(_TEXT_IMAGE), **_SWAP_OPTIONS},
    {"source": {"type": "array", "items": _FILE}, "target": {"type": "array", "items": _FILE}, **_SWAP_OPTIONS},
    images=True,
)
_FACES = _call(
    ["image"],
    {"image": _TEXT_IMAGE, **_FACES_OPTIONS},
    {"image": _FILE, **_FACES_OPTIONS},
    images=False,
)
_HEALTH: Schema = {"responses": {"200": {"description": "yes"}, "503": {"description": "not yet, or not now"}}}


def openapi_document() -> Schema:
    """The document, OpenAPI 3.1."""
    live, ready = HEALTH_PATHS
    return {
        "openapi": "3.1.0",
        "info": {"title": "faceswap-triton", "version": "1"},
        "paths": {
            "/swap": {"post": {"operationId": "swap", "summary": "Swap faces", **_SWAP}},
            "/faces": {"post": {"operationId": "faces", "summary": "Find faces", **_FACES}},
            live: {"get": {"operationId": "live", "summary": "Whether this program runs", **_HEALTH, "security": []}},
            ready: {"get": {"operationId": "ready", "summary": "Whether swaps work", **_HEALTH, "security": []}},
        },
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],
    }
