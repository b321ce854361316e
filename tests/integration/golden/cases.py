"""Golden images: what each case is, and their generator (`python tests/integration/golden/cases.py`).

All are made from scikit-image's astronaut (NASA, public domain), so that they may lie in the repository. After a
change that is meant to be seen, run the generator, look at what changed, and commit the images with the change.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faceswap_contract.names import PACK_NETWORKS
from faceswap_models.checkout import Checkout
from faceswap_models.offline.pack import prepare_offline_pack
from faceswap_models.pack_manifest import network_file
from faceswap_tools.in_process import InProcessPipeline
from faceswap_tools.photographs import astronaut
from numpy.typing import NDArray
from PIL import Image

EXPECTED = Path(__file__).parent / "expected"


@dataclass(frozen=True)
class Case:
    """A target made from the astronaut, and the options of the swap."""

    name: str
    target: Callable[[Image.Image], Image.Image]
    options: dict[str, Any]


def _head(image: Image.Image) -> Image.Image:
    return image.crop((96, 0, 352, 256))


def _two_mirrored(image: Image.Image) -> Image.Image:
    head = _head(image)
    both = Image.new("RGB", (512, 256))
    both.paste(head.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (0, 0))
    both.paste(head, (256, 0))
    return both


CASES = (
    Case("two_mirrored_fast", _two_mirrored, {"blend": "fast"}),
    Case("two_mirrored_exact", _two_mirrored, {"blend": "exact"}),
    Case("rolled_30_degrees", lambda p: _head(p).rotate(30, Image.Resampling.BICUBIC), {"blend": "fast"}),
    Case("over_the_edge", lambda p: p.crop((215, 0, 471, 256)), {"blend": "exact", "detection_threshold": "0.3"}),
    Case("tiny", lambda p: _head(p).resize((64, 64), Image.Resampling.LANCZOS), {"blend": "fast"}),
)


def source() -> bytes:
    """The identity of every case: the astronaut, mirrored and darkened, so that a swap changes the face."""
    dark = _head(_astronaut()).transpose(Image.Transpose.FLIP_LEFT_RIGHT).point(lambda value: int(value * 0.6))
    return as_png(dark)


def target(case: Case) -> bytes:
    return as_png(case.target(_astronaut()))


def _astronaut() -> Image.Image:
    return Image.open(astronaut()).convert("RGB")


def as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def rgb(encoded: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def generate() -> None:
    """Rewrites every expected image with the pure functions and the installed offline pack."""
    pack = prepare_offline_pack(Checkout.find().packs / "offline")
    pipeline = InProcessPipeline({name: network_file(pack, name) for name in PACK_NETWORKS})
    EXPECTED.mkdir(exist_ok=True)
    for case in CASES:
        image = pipeline.swap([source()], target(case), output_format="png", **case.options).image
        (EXPECTED / f"{case.name}.png").write_bytes(as_png(Image.fromarray(rgb(image))))
        sys.stdout.write(f"{case.name}\n")


if __name__ == "__main__":
    generate()
