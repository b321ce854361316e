"""What the client does without the packages of its extras."""

from __future__ import annotations

import io
import re
import sys
from importlib.metadata import metadata, requires

import pytest
from faceswap_client.images.verification import C2PA_MISSING, verify_image
from PIL import Image


def test_without_c2pa_the_manifest_is_unchecked_and_the_message_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)  # importing it raises ModuleNotFoundError
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    found = verify_image(file.getvalue())
    assert (found.c2pa_state, found.problems) == ("unchecked", (C2PA_MISSING,))
    assert found.xmp_mark is False


def test_the_extra_that_the_message_names_brings_c2pa() -> None:
    named = re.search(r"pip install '\./client\[(\w+)\]'", C2PA_MISSING)
    assert named
    assert named.group(1) in metadata("faceswap-client").get_all("Provides-Extra", [])
    wanted = [
        each for each in requires("faceswap-client") or [] if f'extra == "{named.group(1)}"' in each.replace("'", '"')
    ]
    assert [re.split(r"[<>=;\s]", each)[0] for each in wanted] == ["c2pa-python"]
