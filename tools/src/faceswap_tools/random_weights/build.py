"""Builds the random-weight networks once and keeps them in the user's cache directory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import onnx
from faceswap_core.files.user_cache import user_cache_directory
from faceswap_models.onnx_graphs.published_facts import check_against_published

from faceswap_tools.random_weights.inswapper import build_inswapper
from faceswap_tools.random_weights.iresnet50 import build_iresnet50
from faceswap_tools.random_weights.scrfd_10g import build_scrfd_10g

# Part of every network's path: raise it when a builder changes what it writes.
RANDOM_WEIGHTS_VERSION = 1

_BUILDERS: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "det_10g": build_scrfd_10g,
    "w600k_r50": build_iresnet50,
    "inswapper_128": build_inswapper,
}
NETWORK_NAMES = tuple(_BUILDERS)


def default_random_weights_directory() -> Path:
    """`faceswap-triton/random-weights` in the user's cache directory."""
    return user_cache_directory() / "random-weights"


def build_random_weights(directory: Path | None = None, names: Iterable[str] = NETWORK_NAMES) -> dict[str, Path]:
    """The networks' files, built where this version of them is not there yet (about 750 MB for all).

    Each is checked against the published node counts, parameters and size before it gets its name.

    Args:
        directory: where to keep them; the user's cache directory by default.
        names: which networks, of `det_10g`, `w600k_r50` and `inswapper_128`.

    Returns:
        For each name the path of its ONNX file, which has the real file's inputs and outputs.

    Raises:
        ValueError: a name is none of theirs.
        GraphMismatchError: a network does not agree with what is published.
    """
    names = list(names)
    unknown = [name for name in names if name not in _BUILDERS]
    if unknown:
        raise ValueError(
            f"there is no random-weight network {', '.join(unknown)}; there are {', '.join(NETWORK_NAMES)}"
        )
    home = (default_random_weights_directory() if directory is None else directory) / f"v{RANDOM_WEIGHTS_VERSION}"
    home.mkdir(parents=True, exist_ok=True)
    paths = {name: home / f"{name}.onnx" for name in names}
    for name, path in paths.items():
        if not path.exists():
            _build(name, path)
    return paths


def _build(name: str, path: Path) -> None:
    model = _BUILDERS[name]()
    check_against_published(name, model)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=path.parent) as scratch:
        partial = Path(scratch) / path.name
        partial.write_bytes(model.SerializeToString())
        partial.replace(path)
