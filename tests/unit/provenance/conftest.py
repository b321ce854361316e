"""Small images in the three formats, and ways to ask exiftool and exempi."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Encode = Callable[..., bytes]
ReadTag = Callable[[bytes, str], str]
ReadSourceTypes = Callable[[str, dict[str, bytes]], dict[str, list[str]]]


@pytest.fixture(scope="session")
def smooth_frame() -> NDArray[np.uint8]:
    """uint8 [120, 161, 3], RGB: odd width, no two corners alike."""
    y, x = np.mgrid[0:120, 0:161]
    frame: NDArray[np.uint8] = np.stack((x, y * 2, 255 - x), axis=-1).astype(np.uint8)
    return frame


@pytest.fixture(scope="session")
def encode(smooth_frame: NDArray[np.uint8]) -> Encode:
    """encode("jpeg", quality=90) and so on: `smooth_frame` through Pillow."""

    def encode(format: str, mode: str = "RGB", **options: object) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(smooth_frame).convert(mode).save(buffer, format, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture(scope="session")
def exiftool(tmp_path_factory: pytest.TempPathFactory) -> ReadTag:
    """exiftool(encoded, "XMP-iptcExt:DigitalSourceType") -> the tag's value, "" if it has none."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed (Debian and Ubuntu: apt-get install libimage-exiftool-perl)")
    folder: Path = tmp_path_factory.mktemp("exiftool")

    def read(encoded: bytes, tag: str) -> str:
        path = folder / "image"
        path.write_bytes(encoded)
        done = subprocess.run([program, "-s3", f"-{tag}", path], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return read


@pytest.fixture(scope="session")
def source_types_seen(tmp_path_factory: pytest.TempPathFactory) -> ReadSourceTypes:
    """source_types_seen("png", images by name) -> what exiftool and exempi read as DigitalSourceType, "" for none."""
    exiftool, exempi = shutil.which("exiftool"), shutil.which("exempi")
    if exiftool is None or exempi is None:
        pytest.skip("exiftool or exempi is not installed (apt-get install libimage-exiftool-perl exempi)")

    def read(format: str, images: dict[str, bytes]) -> dict[str, list[str]]:
        folder = tmp_path_factory.mktemp("seen")
        paths = {name: folder / f"{number}.{format}" for number, name in enumerate(images)}
        for name, path in paths.items():
            path.write_bytes(images[name])
        command = [exiftool, "-json", "-XMP-iptcExt:DigitalSourceType", *map(str, paths.values())]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
        by_path = {each["SourceFile"]: str(each.get("DigitalSourceType", "")) for each in told}
        seen = {}
        for name, path in paths.items():
            asked = subprocess.run(
                [exempi, "-g", "Iptc4xmpExt:DigitalSourceType", path], capture_output=True, text=True, check=False
            )
            seen[name] = [by_path[str(path)], asked.stdout.strip()]
        return seen

    return read
