"""Names of version 0.1 work for one more release, with a warning that says the new one."""

from __future__ import annotations

import importlib
import re
from typing import Any

import faceswap_client
import pytest
from faceswap_client.images import drawing, verification
from faceswap_contract.deprecated import OLD_WORDS

OLD_AND_NEW = [
    ("faceswap_client", "Picture", faceswap_client.ImageInput, "faceswap_client.ImageInput"),
    ("faceswap_client.drawing", "draw_faces", drawing.draw_faces, "faceswap_client.images.drawing.draw_faces"),
    (
        "faceswap_client.verification",
        "verify_image",
        verification.verify_image,
        "faceswap_client.images.verification.verify_image",
    ),
    (
        "faceswap_client.verification",
        "NotAPictureError",
        verification.NotAnImageError,
        "faceswap_client.images.verification.NotAnImageError",
    ),
]


@pytest.mark.parametrize(("module", "name", "found", "new"), OLD_AND_NEW)
def test_an_old_name_is_the_new_object_and_warns(module: str, name: str, found: Any, new: str) -> None:
    old = importlib.import_module(module)
    words = rf"^{re.escape(f'{module}.{name} is now called {new}; the old word works until 0.3.0')}$"
    with pytest.warns(DeprecationWarning, match=words) as caught:
        assert getattr(old, name) is found
    assert caught[0].filename == __file__, "the warning names the line that uses the old name"


def test_the_contract_s_table_has_these_names_and_no_others() -> None:
    old = {word.old: word.new for word in OLD_WORDS if word.where == "import"}
    by_module = {module: new.rpartition(".")[0] for module, _, _, new in OLD_AND_NEW if module != "faceswap_client"}
    assert old == {"faceswap_client.Picture": "faceswap_client.ImageInput", **by_module}


@pytest.mark.parametrize("module", ["faceswap_client", "faceswap_client.drawing", "faceswap_client.verification"])
def test_other_names_are_not_there(module: str) -> None:
    found = importlib.import_module(module)
    for name in ("Pictures", "_overlap", "__path__x"):
        with pytest.raises(AttributeError, match=rf"module '{module}' has no attribute '{name}'"):
            getattr(found, name)
