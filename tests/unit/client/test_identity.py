"""Identities: averaging, saving, and the memory of recent sources."""

from __future__ import annotations

import io
import stat
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from faceswap_client import Identity
from faceswap_client._results import Box, Landmarks, Point, SourceFace
from faceswap_client._source_cache import CachedSource, SourceCache
from numpy.typing import NDArray


def unit(seed: int) -> NDArray[np.float32]:
    vector = np.random.default_rng(seed).normal(size=512).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def known(seed: int) -> CachedSource:
    points = Landmarks(*(Point(0, 0) for _ in range(5)))
    return CachedSource(SourceFace(0, Box(0, 0, 9, 9), 0.9, points, 10, 10, 1), unit(seed))


def test_average_is_the_mean_direction_of_unit_length_whatever_the_lengths() -> None:
    first, second = unit(1), unit(2)
    average = Identity.average([Identity(first * 30), Identity(second)])
    expected = (first + second) / np.linalg.norm(first + second)
    np.testing.assert_allclose(average.embedding, expected, atol=1e-6)
    assert average.photographs == 2


def test_one_photograph_stays_bit_for_bit() -> None:
    embedding = unit(3) * 21.7
    np.testing.assert_array_equal(Identity.average([Identity(embedding)]).embedding, embedding)


def test_opposite_faces_have_no_average() -> None:
    with pytest.raises(ValueError, match="cancel out"):
        Identity.average([Identity(unit(1)), Identity(-unit(1))])
    with pytest.raises(ValueError, match="at least one"):
        Identity.average([])


@pytest.mark.parametrize("bad", [np.zeros(512), np.full(512, np.nan), np.ones(511), np.ones((1, 512))])
def test_what_is_no_identity_is_refused(bad: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="512 finite numbers"):
        Identity(bad.astype(np.float32))


def test_saved_and_loaded_bit_for_bit_and_for_the_owner_only(tmp_path: Path) -> None:
    identity = Identity(unit(4) * 19, photographs=3)
    path = tmp_path / "me.identity"
    identity.save(path)
    loaded = Identity.load(path)
    np.testing.assert_array_equal(loaded.embedding, identity.embedding)
    assert loaded.photographs == 3
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 half a zip"])
def test_another_file_is_not_an_identity(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a saved identity"):
        Identity.load(path)


def test_an_archive_of_something_else_is_not_an_identity(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", embedding=unit(1))
    with pytest.raises(ValueError, match="is not a saved identity"):
        Identity.load(tmp_path / "other.npz")


def array(value: object) -> bytes:
    """An .npy file."""
    out = io.BytesIO()
    np.save(out, np.asarray(value))
    return out.getvalue()


def archive(embedding: bytes, method: int = zipfile.ZIP_STORED, kind: bytes | None = None) -> bytes:
    """An identity with this for its embedding's file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        file.writestr("kind.npy", array("faceswap-identity-1") if kind is None else kind)
        file.writestr("embedding.npy", embedding)
        file.writestr("photographs.npy", array(np.int64(1)))
    return out.getvalue()


def claims(count: int) -> bytes:
    """512 numbers whose header claims another count."""
    text = f"({count},), }}"
    return array(unit(1)).replace(b"(512,), }".ljust(len(text)), text.encode())


def altered(flags: int, method: int) -> bytes:
    """An identity whose directory says other things about its files (APPNOTE.TXT, 4.3.12)."""
    before, after = (b"PK\x01\x02\x14\x03\x14\x00" + bytes([f, 0, m, 0]) for f, m in ((0, 0), (flags, method)))
    content = archive(array(unit(1)))
    assert before in content
    return content.replace(before, after)


HOSTILE = {
    "unpacks to 64 MB": archive(bytes(64 << 20), zipfile.ZIP_DEFLATED),
    "claims 400 MB": archive(claims(10**8)),
    "claims 4 EB": archive(claims(10**18)),
    "is encrypted": altered(1, 0),
    "is packed in an unknown way": altered(0, 99),
    "is deeply nested": archive(array(unit(1)), kind=b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 10000),
    "has other numbers": archive(array(np.ones(512))),
}


def refused_at_a_peak_of(path: Path) -> int:
    """Bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="is not a saved identity"):
            Identity.load(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_in_one_way_and_costs_no_memory(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    assert refused_at_a_peak_of(tmp_path / "x") < 8 << 20


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.truncate(64 << 20)
    assert refused_at_a_peak_of(tmp_path / "x") < 1 << 20


def test_an_identity_does_not_show_its_numbers() -> None:
    identity = Identity(unit(5))
    assert str(identity.embedding[0])[:6] not in repr(identity)
    with pytest.raises(ValueError, match="read-only"):
        identity.embedding[0] = 1.0


def test_memory_knows_a_source_by_its_bytes_and_every_option_that_matters() -> None:
    memory = SourceCache(8)
    memory.remember([b"me"], {"source_face": 1}, [known(1)])
    assert memory.recall([b"me"], {"source_face": 1, "blend": "exact", "target_faces": "0"}) is not None
    assert memory.recall([b"me"], {}) is None
    assert memory.recall([b"me"], {"source_face": 2}) is None
    assert memory.recall([b"me"], {"source_face": 1, "detection_threshold": "0.3"}) is None
    assert memory.recall([b"me."], {"source_face": 1}) is None
    assert memory.recall([b"me", b"you"], {"source_face": 1}) is None


def test_memory_is_bounded_and_forgets_the_least_recently_used() -> None:
    memory = SourceCache(2)
    for name in (b"a", b"b"):
        memory.remember([name], {}, [known(1)])
    memory.recall([b"a"], {})
    memory.remember([b"c"], {}, [known(3)])
    assert memory.recall([b"a"], {}) is not None
    assert memory.recall([b"b"], {}) is None
    assert len(memory) == 2
    memory.forget()
    assert len(memory) == 0


def test_memory_can_be_off() -> None:
    memory = SourceCache(0)
    memory.remember([b"a"], {}, [known(1)])
    assert not memory.is_on
    assert memory.recall([b"a"], {}) is None
    with pytest.raises(ValueError, match="remember_sources=-1"):
        SourceCache(-1)
