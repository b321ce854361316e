"""contract.json against the last released one: every difference has a line in the changelog."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from faceswap_contract.comparison import differences, unnamed
from faceswap_contract.version import __version__
from support.paths import ROOT

RELEASED = {
    tuple(map(int, path.stem.split("."))): json.loads(path.read_text())
    for path in (ROOT / "contract" / "released").glob("*.json")
}
LAST = RELEASED[max(RELEASED)]
NOW: dict[str, Any] = json.loads((ROOT / "contract" / "contract.json").read_text())
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def test_every_difference_from_the_last_release_is_in_the_changelog() -> None:
    assert [str(each) for each in unnamed(differences(LAST, NOW), CHANGELOG, NOW["version"])] == []


def test_a_contract_that_differs_has_a_new_version() -> None:
    assert NOW["version"] == __version__
    assert tuple(map(int, NOW["version"].split("."))) > max(RELEASED) or not differences(LAST, NOW)


def test_the_eleven_codes_with_two_statuses_have_one() -> None:
    twice = {code for code, fact in RELEASED[0, 1, 0]["errors"].items() if isinstance(fact["http_status"], list)}
    assert len(twice) == 11
    assert all(isinstance(fact["http_status"], int) for fact in NOW["errors"].values())


@pytest.mark.parametrize(
    ("section", "name", "changes", "said"),
    [
        ("errors", "NO_FACE_IN_TARGET", {"http_status": 418}, "http_status was 422, is 418"),
        ("errors", "MADE_UP", {"http_status": 400}, "added"),
        ("options", "label_size", {"maximum": 0.5}, "maximum was 0.25, is 0.5"),
        ("options", "max_side", {"default": 4096}, "default was None, is 4096"),
        ("options", "blend", None, "removed"),
        ("environment", "FACESWAP_MAX_FACES", {"default": 8}, "default was 64, is 8"),
        ("environment", "FACESWAP_MADE_UP", {"default": 8}, "added"),
        ("exit_codes", "19", None, "removed"),
    ],
)
def test_a_difference_is_found_and_must_be_named(
    section: str, name: str, changes: dict[str, object] | None, said: str
) -> None:
    changed = copy.deepcopy(NOW)
    if changes is None:
        del changed[section][name]
    else:
        changed[section][name] = changed[section].get(name, {}) | changes
    found = differences(NOW, changed)
    assert [str(each) for each in found] == [f"{section}: {name} {said}"]
    assert unnamed(found, "## 0.3.0\n\n- Nothing.\n\n## 0.2.0\n\n- `" + name + "`\n", "0.3.0") == found
    assert unnamed(found, f"## 0.3.0\n\n- `{name}_TOO` changed.\n", "0.3.0") == found
    words = " ".join(found[0].values)
    assert unnamed(found, f"## 0.3.0\n\n- `{name}` is {words} now.\n", "0.3.0") == []
    if words:
        apart = f"## 0.3.0\n\n- `{name}` changed.\n- Something else is {words} now.\n"
        assert unnamed(found, apart, "0.3.0") == found, "the name alone does not say what changed"


def test_limits_names_and_old_words_are_compared() -> None:
    changed = copy.deepcopy(NOW)
    changed["limits"]["MAX_SOURCES"] = 9
    changed["names"]["FACES"] = "FACE_LIST"
    changed["deprecated"][:1] = []
    assert [str(each) for each in differences(NOW, changed)] == [
        "limits: MAX_SOURCES was 8, is 9",
        "names: FACES was FACES, is FACE_LIST",
        f"deprecated: {NOW['deprecated'][0]['old']} removed",
    ]


def test_texts_may_change() -> None:
    changed = copy.deepcopy(NOW)
    for fact in changed["errors"].values():
        fact["meaning"] = fact["remedy"] = "x"
    assert differences(NOW, changed) == []
