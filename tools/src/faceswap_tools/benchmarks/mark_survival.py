"""Which edits the provenance marks survive: prints the table of docs/responsible-use.md.

    python -m faceswap_tools.benchmarks.mark_survival

Needs c2pa-python and cryptography. The image is a photograph's worth of detail at 1920x1080: the astronaut, tiled.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from faceswap_client.images.verification import Verification, verify_image
from faceswap_core.provenance.c2pa.development_chain import DevelopmentChain, new_development_chain
from faceswap_core.provenance.c2pa.signing import ManifestSigner
from faceswap_core.provenance.visible_label import draw_label
from faceswap_core.provenance.xmp.mark import mark_as_synthetic
from numpy.typing import NDArray
from PIL import Image

from faceswap_tools.command_line import no_options
from faceswap_tools.photographs import astronaut


def photograph(width: int = 1920, height: int = 1080) -> NDArray[np.uint8]:
    """uint8 [height, width, 3], RGB."""
    with Image.open(astronaut()) as image:
        tile = np.asarray(image.convert("RGB"))
    repeats = (-(-height // tile.shape[0]), -(-width // tile.shape[1]), 1)
    return np.ascontiguousarray(np.tile(tile, repeats)[:height, :width])


def encoded(frame: NDArray[np.uint8], format: str, **options: object) -> bytes:
    """The frame through Pillow, quality 95 unless `options` say otherwise."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format, **{"quality": 95, **options})
    return buffer.getvalue()


def fates() -> dict[str, Callable[[bytes], bytes]]:
    """What may happen to a JPEG after it leaves us, by name; the tools are Pillow's."""

    def through_pillow(change: Callable[[Image.Image], Image.Image], keep_xmp: bool = False, **save: object):  # type: ignore[no-untyped-def]
        def apply(data: bytes) -> bytes:
            with Image.open(io.BytesIO(data)) as image:
                extra = {"xmp": image.info["xmp"]} if keep_xmp else {}
                buffer = io.BytesIO()
                changed = change(image)
                changed.info = {}  # else Pillow's JPEG and WebP writers carry XMP along
                changed.save(buffer, **{"format": "JPEG", "quality": 85, **save, **extra})
            return buffer.getvalue()

        return apply

    def same(image: Image.Image) -> Image.Image:
        return image.copy()

    def half(image: Image.Image) -> Image.Image:
        return image.resize((image.width // 2, image.height // 2))

    def screenshot(image: Image.Image) -> Image.Image:
        screen = Image.new("RGB", (2560, 1440), (32, 32, 32))
        screen.paste(image.resize((1280, 720)), (600, 300))
        return screen

    return {
        "copied as a file": bytes,
        "last byte lost in transfer": lambda data: data[:-1],
        "metadata stripped, pixels kept": without_segments,
        "JPEG saved again, quality 95, metadata dropped": through_pillow(same, quality=95),
        "JPEG saved again, XMP kept": through_pillow(same, keep_xmp=True),
        "resized to half, metadata dropped": through_pillow(half),
        "resized to half, XMP kept (some upload paths)": through_pillow(half, keep_xmp=True),
        "converted to PNG": through_pillow(same, format="PNG"),
        "converted to WebP": through_pillow(same, format="WEBP"),
        "screenshot (imitated)": through_pillow(screenshot, format="PNG"),
    }


def without_segments(jpeg: bytes) -> bytes:
    """The JPEG without any APP1 to APP15 and comment, as `exiftool -all=` or `jpegtran -copy none` leave it."""
    kept, at = [jpeg[:2]], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if not (0xE1 <= jpeg[at + 1] <= 0xEF or jpeg[at + 1] == 0xFE):
            kept.append(jpeg[at:end])
        at = end
    return b"".join((*kept, jpeg[at:]))


def survival_table(chain: DevelopmentChain) -> None:
    """What `verify_image` finds after each fate, and the label's contrast there."""
    frame = photograph()
    draw_label(frame)
    plain = encoded(frame, "jpeg")
    signer = ManifestSigner(chain.chain_pem, chain.key_pem)
    result = signer.sign(mark_as_synthetic(plain, "jpeg"), "jpeg", plain, "jpeg", ["jpeg"])
    print("| what happened | XMP mark | C2PA | first problem |\n| --- | --- | --- | --- |")
    for name, happen in fates().items():
        found: Verification = verify_image(happen(result), chain.root_pem)
        problem = found.problems[0].partition(":")[0] if found.problems else ""
        print(f"| {name} | {'yes' if found.xmp_mark else 'no'} | {found.c2pa_state} | {problem} |")


if __name__ == "__main__":
    no_options("faceswap_tools.benchmarks.mark_survival", __doc__)
    survival_table(new_development_chain())
