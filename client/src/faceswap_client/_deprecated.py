"""Old names of this package, which work for one more release with a DeprecationWarning."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import Any

from faceswap_contract.deprecated import OldWord


def renamed(old_module: str, name: str, new_module: str, new_names: Mapping[str, str] | None = None) -> Any:
    """The object that `old_module.name` is called now, for a module's `__getattr__`; warns with its new name.

    Args:
        new_module: where it is now.
        new_names: new name by old name. None: the whole module moved, and the names are the same.

    Raises:
        AttributeError: there never was such a name.
    """
    new_name = name if new_names is None else new_names.get(name)
    module = importlib.import_module(new_module)
    if new_name is None or name.startswith("_") or not hasattr(module, new_name):
        raise AttributeError(f"module {old_module!r} has no attribute {name!r}")
    word = OldWord("import", f"{old_module}.{name}", f"{new_module}.{new_name}")
    warnings.warn(word.warning, DeprecationWarning, stacklevel=3)
    return getattr(module, new_name)
