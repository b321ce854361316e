"""What marking and signing cost, and what the marks survive. Prints the tables of docs/responsible-use.md.

    python -m faceswap_tools.benchmarks.marks

Needs c2pa-python and cryptography. The picture is a photograph's worth of detail at 1920x1080: the astronaut, tiled.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from statistics import median

import numpy as np
from faceswap_client.verification import Verification, verify_image
from faceswap_core.provenance.audit import PictureHasher
from faceswap_core.provenance.development_chain import DevelopmentChain, new_development_chain
from faceswap_core.provenance.signing import ManifestSigner
from faceswap_core.provenance.visible_label import draw_label
from faceswap_core.provenance.xmp_mark import MarkedFormat, mark_as_synthetic
from numpy.typing import NDArray
from PIL import Image

from faceswap_tools.photographs import astronaut

REPEATS = 60
FORMATS: tuple[MarkedFormat, ...] = ("jpeg", "png", "webp")


def photograph(width: int = 1920, height: int = 1080) -> NDArray[np.uint8]:
    """uint8 [height, width, 3], RGB."""
    with Image.open(astronaut()) as picture:
        tile = np.asarray(picture.convert("RGB"))
    repeats = (-(-height // tile.shape[0]), -(-width // tile.shape[1]), 1)
    return np.ascontiguousarray(np.tile(tile, repeats)[:height, :width])


def encoded(frame: NDArray[np.uint8], format: str, **options: object) -> bytes:
    """The frame through Pillow, quality 95 unless `options` say otherwise."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format, **{"quality": 95, **options})
    return buffer.getvalue()


def milliseconds(calls: Mapping[str, Callable[[], object]]) -> dict[str, tuple[float, float]]:
    """Median wall and processor time of each call; the calls take turns, so a busy moment hits all alike."""
    wall: dict[str, list[float]] = {name: [] for name in calls}
    processor: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(REPEATS):
        for name, call in calls.items():
            start, worked = time.perf_counter(), time.process_time()
            call()
            wall[name].append((time.perf_counter() - start) * 1e3)
            processor[name].append((time.process_time() - worked) * 1e3)
    return {name: (median(wall[name]), median(processor[name])) for name in calls}


def cost_table(chain: DevelopmentChain) -> None:
    """Time and bytes of the mark, the signature, the label and the audit hash, at 1920x1080."""
    frame = photograph()
    signer = ManifestSigner(chain.chain_pem, chain.key_pem)
    hasher = PictureHasher(bytes(range(16)))
    calls: dict[str, Callable[[], object]] = {"label (frame)": lambda: draw_label(frame)}
    added: dict[str, int] = {}
    for format in FORMATS:
        plain = encoded(frame, format)
        marked = mark_as_synthetic(plain, format)

        def mark(plain: bytes = plain, format: MarkedFormat = format) -> bytes:
            return mark_as_synthetic(plain, format)

        def sign(plain: bytes = plain, marked: bytes = marked, format: MarkedFormat = format) -> bytes:
            return signer.sign(marked, format, plain, format, [format])

        def audit_hash(plain: bytes = plain) -> str:
            return hasher(plain)

        kilobytes = f"{format} of {len(plain) // 1000} kB"
        calls |= {f"mark {kilobytes}": mark, f"sign {kilobytes}": sign, f"audit hash {kilobytes}": audit_hash}
        added |= {f"mark {kilobytes}": len(marked) - len(plain), f"sign {kilobytes}": len(sign()) - len(marked)}
    print("| at 1920x1080 | wall ms | processor ms | bytes added |\n| --- | --- | --- | --- |")
    for name, (elapsed, worked) in milliseconds(calls).items():
        print(f"| {name} | {elapsed:.2f} | {worked:.2f} | {added.get(name, '')} |")


def fates() -> dict[str, Callable[[bytes], bytes]]:
    """What may happen to a JPEG after it leaves us, by name; the tools are Pillow's."""

    def through_pillow(change: Callable[[Image.Image], Image.Image], keep_xmp: bool = False, **save: object):  # type: ignore[no-untyped-def]
        def apply(data: bytes) -> bytes:
            with Image.open(io.BytesIO(data)) as picture:
                extra = {"xmp": picture.info["xmp"]} if keep_xmp else {}
                buffer = io.BytesIO()
                changed = change(picture)
                changed.info = {}  # else Pillow's JPEG and WebP writers carry XMP along
                changed.save(buffer, **{"format": "JPEG", "quality": 85, **save, **extra})
            return buffer.getvalue()

        return apply

    def same(picture: Image.Image) -> Image.Image:
        return picture.copy()

    def half(picture: Image.Image) -> Image.Image:
        return picture.resize((picture.width // 2, picture.height // 2))

    def screenshot(picture: Image.Image) -> Image.Image:
        screen = Image.new("RGB", (2560, 1440), (32, 32, 32))
        screen.paste(picture.resize((1280, 720)), (600, 300))
        return screen

    return {
        "copied as a file": bytes,
        "last byte lost in transfer": lambda data: data[:-1],
        "metadata stripped, pixels kept": without_segments,
        "JPEG saved again, quality 95, metadata dropped": through_pillow(same, quality=95),
        "JPEG saved again, XMP carried along": through_pillow(same, keep_xmp=True),
        "resized to half, metadata dropped": through_pillow(half),
        "resized to half, XMP carried along (some upload paths)": through_pillow(half, keep_xmp=True),
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
    development_chain = new_development_chain()
    cost_table(development_chain)
    print()
    survival_table(development_chain)
