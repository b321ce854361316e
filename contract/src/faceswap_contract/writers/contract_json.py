"""Writes contract/contract.json: the whole contract as data, for other languages and for comparisons of releases."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from faceswap_contract import limits, names
from faceswap_contract.deprecated import OldWord
from faceswap_contract.errors import ErrorFact
from faceswap_contract.exit_codes import ExitCode
from faceswap_contract.options import Option
from faceswap_contract.variable import Variable


@dataclass(frozen=True, slots=True)
class Contract:
    """The tables of one version."""

    version: str
    options: Iterable[Option]
    errors: Iterable[ErrorFact]
    variables: Iterable[Variable]
    exit_codes: Iterable[ExitCode]
    signals: Mapping[int, tuple[str, str]]
    old_words: Iterable[OldWord]


def contract_json(contract: Contract) -> str:
    """Text of the file."""
    return json.dumps(contract_document(contract), indent=2, ensure_ascii=False) + "\n"


def contract_document(contract: Contract) -> dict[str, Any]:
    """The contract as JSON values; what a row does not have is left out."""
    return {
        "version": contract.version,
        "options": {each.name: _option(each) for each in contract.options},
        "errors": {each.code: _error(each) for each in contract.errors},
        "limits": _constants(vars(limits), int),
        "names": _constants(vars(names), str),
        "exit_codes": {str(int(each)): _exit_code(each) for each in contract.exit_codes}
        | {str(number): {"meaning": texts[0], "remedy": texts[1]} for number, texts in contract.signals.items()},
        "environment": {each.name: _variable(each) for each in contract.variables},
        "deprecated": [
            _kept(where=each.where, old=each.old, new=each.new, of=each.of, removed_in=each.removed_in)
            for each in contract.old_words
        ],
    }


def _kept(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [], ())}


def _option(each: Option) -> dict[str, Any]:
    return {"kind": each.kind.value, "default": each.default} | _kept(
        minimum=each.minimum,
        maximum=each.maximum,
        choices=list(each.choices),
        word=each.word,
        tasks=[task.value for task in each.tasks],
        readers=[reader.value for reader in each.readers],
        allowed=each.allowed,
        more=each.more,
        about=each.about,
    )


def _error(each: ErrorFact) -> dict[str, Any]:
    return _kept(
        http_status=each.http_status,
        triton_http_status=each.triton_http_status,
        grpc_status=each.grpc_status,
        origins=[origin.value for origin in each.origins],
        family=each.family.value,
        meaning=each.meaning,
        remedy=each.remedy,
        job_remedy=each.job_remedy,
    )


def _exit_code(each: ExitCode) -> dict[str, Any]:
    different = each.server_meaning if each.server_meaning != each.meaning else None
    return _kept(programs=list(each.programs), meaning=each.meaning, server_meaning=different, remedy=each.remedy)


def _variable(each: Variable) -> dict[str, Any]:
    return {"kind": each.kind.value, "default": each.default, "programs": [p.value for p in each.programs]} | _kept(
        minimum=each.minimum,
        maximum=each.maximum,
        above=each.above,
        choices=list(each.choices),
        pattern=each.pattern,
        longest=each.longest,
        secret=each.secret or None,
        meaning=each.meaning,
    )


def _constants(module: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Constants of a module: those of one type, and tuples of it."""
    found: dict[str, Any] = {}
    for name, value in module.items():
        if not name.isupper():
            continue
        if isinstance(value, tuple) and all(isinstance(part, kind) for part in value):
            found[name] = list(value)
        elif isinstance(value, kind):
            found[name] = value
    return found
