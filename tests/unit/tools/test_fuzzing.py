"""A short form of `make fuzz`, and that it finds what is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from faceswap_core.codecs.header import ImageFormat, inspect_image
from faceswap_core.errors import CorruptImage
from faceswap_tools.fuzzing.__main__ import OUR_TARGETS, fuzz, reproduce
from faceswap_tools.fuzzing.targets import LIMITS, TARGETS, BrokenPromise, promise, with_own_errors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.tools import broken_targets

SHORT = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with a few bytes set, cut out, doubled or put in from another seed."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        how = draw(st.sampled_from(["set", "cut", "double", "splice"]))
        if how == "set":
            data[at : at + length] = draw(st.binary(min_size=length, max_size=length))
        elif how == "cut":
            del data[at : at + length]
        elif how == "double":
            data[at:at] = data[at : at + length]
        else:
            other = draw(st.sampled_from(seeds))
            data[at:at] = other[draw(st.integers(0, len(other))) :][: length * 8]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_keeps_the_promises(name: str) -> None:
    for seed in TARGETS[name].seeds().values():
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_seeds_do_too(name: str) -> None:
    target = TARGETS[name]

    @SHORT
    @given(damaged(list(target.seeds().values())))
    def run(data: bytes) -> None:
        target.run(data)

    run()


def test_the_seeds_are_good_and_small() -> None:
    formats = set()
    for name, data in TARGETS["decoding"].seeds().items():
        assert len(data) < 4096, name
        if "animated" not in name and "pages" not in name and name != "heif":
            formats.add(inspect_image(data, name, LIMITS).format)
    assert formats == set(ImageFormat)


def test_the_fuzzer_runs_our_targets(tmp_path: Path) -> None:
    large = bytearray(b"x" * (TARGETS["inspecting_headers"].memory_mb + 100) * 2**20)  # not the target's memory
    tried, finding = fuzz(TARGETS["inspecting_headers"], f"{OUR_TARGETS}:inspecting_headers", 1, tmp_path)
    assert finding is None
    assert tried > 100
    assert len(large) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_finding_is_a_small_file_that_shows_it_again(tmp_path: Path) -> None:
    where = "tests.unit.tools.broken_targets:raising"
    _, finding = fuzz(broken_targets.TARGETS["raising"], where, 10, tmp_path)
    assert finding is not None
    assert "IndexError: beyond the end" in finding.report
    assert finding.file.parent == tmp_path
    assert finding.file.stat().st_size <= 4096
    done = reproduce(where, finding.file)
    assert done.returncode != 0
    assert "IndexError: beyond the end" in done.stdout + done.stderr


def test_other_exceptions_and_loose_messages_are_findings() -> None:
    def fail(error: Exception) -> None:
        raise error

    with_own_errors(lambda: fail(CorruptImage("SOURCE_IMAGE[0]: bad")))
    with pytest.raises(KeyError):
        with_own_errors(lambda: fail(KeyError("x")))
    for text in ("x" * 1000, "Traceback", "in reader.py"):
        with pytest.raises(BrokenPromise):
            with_own_errors(lambda text=text: fail(CorruptImage(text)))  # type: ignore[misc]
    with pytest.raises(BrokenPromise, match="this"):
        promise(False, "this")
