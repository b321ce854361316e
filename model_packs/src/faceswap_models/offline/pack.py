"""Prepares the offline pack, and again when its builder or a file of it has changed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from faceswap_core.files.digests import sources_sha256
from faceswap_core.files.disk_errors import cannot_write

from faceswap_models.directory_lock import directory_lock
from faceswap_models.offline import build_offline_pack
from faceswap_models.onnx_graphs import identity_projection
from faceswap_models.pack_manifest import PackError, is_intact, seal_pack

NAME = "offline"


def prepare_offline_pack(directory: Path) -> Path:
    """Builds the offline pack into `directory` unless its files are there unchanged; returns `directory`.

    Raises:
        PackError: it cannot be written (a full disk, a read-only file system, no permission), or the package that
            has its detector is not installed.
    """
    builder = _builder_sha256()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with directory_lock(directory.parent):
            if not is_intact(directory, builder):
                _build(directory, builder)
    except ValueError as error:
        raise PackError(str(error)) from None
    except OSError as error:
        if error.errno is None:  # `build_offline_pack` has no source for the detector
            raise PackError(str(error)) from None
        raise PackError(
            cannot_write(error, "the model pack", directory, "use a copy of the checkout elsewhere")
        ) from None
    return directory


def _build(directory: Path, builder: str) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=directory.parent))
    try:
        build_offline_pack(scratch)
        seal_pack(scratch, NAME, builder)
        shutil.rmtree(directory, ignore_errors=True)
        scratch.replace(directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _builder_sha256() -> str:
    """Of the code that builds the offline pack: another version of it builds another pack."""
    sources = [Path(identity_projection.__file__), *sorted(Path(__file__).parent.glob("*.py"))]
    return sources_sha256(sources)
