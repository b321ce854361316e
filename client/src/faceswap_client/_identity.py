"""A reusable face embedding: taken from photographs once, used for any number of swaps."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from faceswap_contract.limits import EMBEDDING_SIZE
from numpy.typing import NDArray

from faceswap_client._errors import FaceError
from faceswap_client._files import write_atomically
from faceswap_client._results import AnalysedFace, Analysis

_MAGIC = "faceswap-identity-1"
_LARGEST_FILE = 16 * 1024  # bytes, and of each array in it; `save` writes 3 kB
_ARRAYS = {"kind": (f"<U{len(_MAGIC)}", ()), "embedding": ("<f4", (EMBEDDING_SIZE,)), "photographs": ("<i8", ())}


@dataclass(frozen=True, slots=True)
class Identity:
    """One person's face embedding. It is biometric data: it is left out of `repr`, and written only by `save`.

    Attributes:
        embedding: float32 [512], read-only; only its direction matters, not its length.
        photographs: how many photographs were averaged into it.

    Raises:
        ValueError: not 512 finite numbers, or all zero.
    """

    embedding: NDArray[np.float32] = field(repr=False, compare=False)
    photographs: int = 1

    def __post_init__(self) -> None:
        embedding = np.array(self.embedding, dtype=np.float32)
        length = float(np.linalg.norm(embedding.astype(np.float64))) if embedding.shape == (EMBEDDING_SIZE,) else 0.0
        if not np.isfinite(length) or length == 0.0:
            raise ValueError(f"an identity is {EMBEDDING_SIZE} finite numbers that are not all zero")
        embedding.flags.writeable = False
        object.__setattr__(self, "embedding", embedding)

    @classmethod
    def average(cls, identities: Sequence[Identity]) -> Identity:
        """The mean direction of several photographs of one person, of unit length.

        Raises:
            ValueError: none were given, or they cancel out.
        """
        if not identities:
            raise ValueError("an average needs at least one identity")
        if len(identities) == 1:
            return identities[0]
        units = [identity.embedding / np.linalg.norm(identity.embedding) for identity in identities]
        mean = np.sum(units, axis=0, dtype=np.float64)
        length = float(np.linalg.norm(mean))
        if length < 1e-6:
            raise ValueError("these identities cancel out: are they photographs of one person?")
        return cls((mean / length).astype(np.float32), sum(identity.photographs for identity in identities))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the identity to `path` atomically, about 3 kB, readable by the file's owner only.

        Raises:
            OSError: cannot be written.
        """
        buffer = io.BytesIO()
        np.savez(buffer, kind=np.array(_MAGIC), embedding=self.embedding, photographs=np.array(self.photographs))
        write_atomically(path, buffer.getvalue(), private=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Identity:
        """Reads what `save` wrote.

        Raises:
            OSError: cannot be read.
            ValueError: not a saved identity.
        """
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        try:
            saved = _arrays(content)
            if str(saved["kind"]) == _MAGIC:
                return cls(saved["embedding"], int(saved["photographs"]))
        except Exception as error:  # an archive can be wrong in as many ways as zipfile and NumPy have errors
            raise ValueError(f"{os.fspath(path)} is not a saved identity") from error
        raise ValueError(f"{os.fspath(path)} is not a saved identity")


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a saved identity; raises anything for other content.

    Dtype and shape are looked at before an array is read: NumPy allocates what a header claims, and a few bytes can
    claim or unpack to gigabytes.
    """
    if len(content) > _LARGEST_FILE:
        raise ValueError("too large")
    found = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name, expected in _ARRAYS.items():
            member = archive.getinfo(f"{name}.npy")
            if member.file_size > _LARGEST_FILE:
                raise ValueError(f"{name} is too large")
            with archive.open(member) as packed:
                file = io.BytesIO(packed.read(_LARGEST_FILE))
            if np.lib.format.read_magic(file) != (1, 0):  # type: ignore[no-untyped-call]
                raise ValueError(f"{name} is of another version")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)  # type: ignore[no-untyped-call]
            if (dtype.str, shape) != expected:
                raise ValueError(f"{name} is {dtype.str} {shape}")
            found[name] = np.frombuffer(file.read(), dtype).reshape(shape)
    return found


def chosen_identity(found: Analysis, source_face: int | Literal["largest"] | None) -> Identity:
    """The identity of the face a swap would take from this photograph: the named one, or the largest by box area.

    Raises:
        FaceError: NO_FACE_IN_SOURCE, or FACE_INDEX_OUT_OF_RANGE.
    """
    if not found.faces:
        raise FaceError("no face found in the source", code="NO_FACE_IN_SOURCE", request_id=found.request_id)
    if source_face is None or source_face == "largest":
        return Identity(max(found.faces, key=_area).embedding)
    if not 0 <= source_face < len(found.faces):
        allowed = f"0 to {len(found.faces) - 1}"
        raise FaceError(
            f"source_face={source_face}: the source has {len(found.faces)} face(s), allowed indexes: {allowed}",
            code="FACE_INDEX_OUT_OF_RANGE",
            request_id=found.request_id,
        )
    return Identity(found.faces[source_face].embedding)


def _area(face: AnalysedFace) -> float:
    return (face.box.x1 - face.box.x0) * (face.box.y1 - face.box.y0)
