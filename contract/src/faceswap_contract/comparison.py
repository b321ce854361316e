"""Compares two contract.json: what callers and operators notice, which the changelog has to name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_FACTS: Mapping[str, tuple[str, ...]] = {
    "options": ("kind", "default", "minimum", "maximum", "choices", "word", "tasks"),
    "errors": ("http_status", "triton_http_status", "grpc_status"),
    "exit_codes": ("programs",),
    "environment": ("kind", "default", "minimum", "maximum", "above", "choices", "pattern", "longest", "secret"),
    "limits": (),
    "names": (),
}
"""Section -> the fields that are compared. Texts are documentation and may change; so may what is internal."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that was added, removed or changed."""

    section: str
    name: str
    what: str
    values: tuple[str, ...] = ()
    """What is new about it; an entry of the changelog about it has these words."""

    def __str__(self) -> str:
        return f"{self.section}: {self.name} {self.what}"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """What `new` says otherwise than `old`; both are contents of a contract.json."""
    found = [
        each for section, fields in _FACTS.items() for each in _section(section, fields, old[section], new[section])
    ]
    before = {_old_word(row) for row in old["deprecated"]}
    after = [_old_word(row) for row in new["deprecated"]]
    found += [Difference("deprecated", word, "added") for word in after if word not in before]
    return found + [Difference("deprecated", word, "removed") for word in sorted(before - set(after))]


def unnamed(found: Iterable[Difference], changelog: str, version: str) -> list[Difference]:
    """The differences that no entry (list item or table row) of the changelog's section of `version` names.

    An entry about a changed value has the name and the new value.
    """
    entries = _entries(_changelog_section(changelog, version))
    return [
        each
        for each in found
        if not any(all(_says(entry, word) for word in (each.name, *each.values)) for entry in entries)
    ]


def _section(
    section: str, fields: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterable[Difference]:
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield Difference(section, name, "removed")
        elif name not in old:
            yield Difference(section, name, "added")
        elif not fields and old[name] != new[name]:
            yield Difference(section, name, f"was {old[name]}, is {new[name]}", _new_values(old[name], new[name]))
        else:
            yield from (
                Difference(
                    section,
                    name,
                    f"{field} was {old[name].get(field)}, is {new[name].get(field)}",
                    _new_values(old[name].get(field), new[name].get(field)),
                )
                for field in fields
                if old[name].get(field) != new[name].get(field)
            )


def _old_word(row: Mapping[str, str]) -> str:
    return f"{row['of']}={row['old']}" if row.get("of") else row["old"]


def _new_values(old: object, new: object) -> tuple[str, ...]:
    """The words for what is new: the value, or the elements a list has gained."""
    if isinstance(new, list):
        return tuple(str(each) for each in new if not isinstance(old, list) or each not in old)
    return () if new is None or isinstance(new, bool) else (f"{new:g}" if isinstance(new, float) else str(new),)


def _says(entry: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", entry) is not None


def _entries(section: str) -> list[str]:
    return re.split(r"\n(?=[-|#]|\n)", section)


def _changelog_section(changelog: str, version: str) -> str:
    found = re.search(rf"^## {re.escape(version)}\b.*?(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found.group() if found else ""
