"""Names of version 0.1 work for one more release, with a warning that says the new one."""

from __future__ import annotations

import importlib
import re
from typing import Any

import faceswap_client
import pytest
from faceswap_client.images import drawing, verification

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
    words = rf"^{re.escape(f'{module}.{name} is now {new}; the old name will be removed in 0.3')}$"
    with pytest.warns(DeprecationWarning, match=words) as caught:
        assert getattr(old, name) is found
    assert caught[0].filename == __file__, "the warning names the line that uses the old name"


@pytest.mark.parametrize("module", ["faceswap_client", "faceswap_client.drawing", "faceswap_client.verification"])
def test_other_names_are_not_there(module: str) -> None:
    found = importlib.import_module(module)
    for name in ("Pictures", "_overlap", "__path__x"):
        with pytest.raises(AttributeError, match=rf"module '{module}' has no attribute '{name}'"):
            getattr(found, name)
