"""Everything a caller may hand over as an image, and results as arrays and files."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faceswap_client import SwapResult
from faceswap_client._files import write_atomically
from faceswap_client._results import image_format
from faceswap_client.images.inputs import image_bytes, images_bytes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image


def decoded(data: bytes) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.array(image)


def test_files_and_bytes_go_through_untouched(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(b"anything")
    images: list[Any] = [path, str(path), b"anything", bytearray(b"anything"), memoryview(b"anything")]
    assert images_bytes(images) == [b"anything"] * 5
    with path.open("rb") as file:
        assert image_bytes(file) == b"anything"
        assert not file.closed


@given(
    st.sampled_from([(), (3,), (4,)]).flatmap(
        lambda channels: st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
            lambda size: arrays(np.uint8, (*size, *channels))
        )
    )
)
def test_arrays_are_encoded_without_loss(array: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    assert np.array_equal(decoded(image_bytes(array)), array)


def test_arrays_need_not_be_contiguous() -> None:
    array = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert np.array_equal(decoded(image_bytes(array[::2, ::-1])), array[::2, ::-1])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4), bool),
    ],
)
def test_other_arrays_are_refused_with_their_shape_or_type(array: Any) -> None:
    with pytest.raises(ValueError, match=r"float32|bool|got \["):
        image_bytes(array)


@pytest.mark.parametrize("thing", [None, 3, ["a"], {"a": 1}, object()])
def test_other_things_are_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="an image is"):
        image_bytes(thing)


def test_a_text_file_is_refused() -> None:
    with pytest.raises(TypeError, match="binary mode"):
        image_bytes(io.StringIO("text"))  # type: ignore[arg-type]


def test_a_missing_file_is_the_usual_error() -> None:
    with pytest.raises(FileNotFoundError):
        image_bytes("no such file.jpg")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "YCbCr", "HSV", "LAB", "F", "I"])
def test_pil_images_of_every_mode_become_png(mode: str) -> None:
    data = image_bytes(Image.new(mode, (3, 2)))
    assert decoded(data).shape[:2] == (2, 3)


def test_a_pil_image_keeps_its_profile_and_its_orientation() -> None:
    image = Image.new("RGB", (3, 2))
    image.info["icc_profile"] = b"profile"
    image.getexif()[0x0112] = 6
    with Image.open(io.BytesIO(image_bytes(image))) as back:
        assert back.info["icc_profile"] == b"profile"
        assert back.getexif()[0x0112] == 6


def test_one_image_or_several() -> None:
    assert images_bytes(b"one") == [b"one"]
    assert images_bytes((b"one", b"two")) == [b"one", b"two"]
    assert len(images_bytes(np.zeros((2, 2, 3), np.uint8))) == 1


def result_of(array: np.ndarray[Any, Any], file_format: str, **options: Any) -> SwapResult:
    out = io.BytesIO()
    Image.fromarray(array).save(out, file_format, **options)
    height, width = array.shape[:2]
    return SwapResult(out.getvalue(), image_format(out.getvalue()), width, height, (), ())


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_a_result_becomes_an_rgb_array(file_format: str) -> None:
    array = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    result = result_of(array, file_format, lossless=True)
    assert result.format == file_format.lower()
    back = result.to_array()
    assert back.dtype == np.uint8
    assert back.flags.writeable
    assert np.array_equal(back, array)


def test_alpha_is_left_out_of_the_array() -> None:
    array = np.full((2, 2, 4), (10, 20, 30, 0), np.uint8)
    assert np.array_equal(result_of(array, "PNG").to_array(), array[..., :3])


def test_formats_are_told_by_their_first_bytes() -> None:
    assert result_of(np.zeros((2, 2, 3), np.uint8), "JPEG").format == "jpeg"
    assert image_format(b"GIF89a") == ""


def test_a_result_does_not_print_its_image() -> None:
    assert "image" not in repr(SwapResult(b"\xff\xd8", "jpeg", 1, 1, (), ()))


def test_save_replaces_in_one_step_and_keeps_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    path.write_bytes(b"before")
    path.chmod(0o640)
    SwapResult(b"after", "jpeg", 1, 1, (), ()).save(path)
    assert path.read_bytes() == b"after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_save_follows_links(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"before")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", b"after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"after"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.jpg"
    path.write_bytes(b"before")

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_atomically("/dev/null", b"data")
    assert Path("/dev/null").is_char_device()
