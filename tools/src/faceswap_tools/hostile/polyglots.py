"""Files that are a picture and something else at once."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

from faceswap_tools.hostile.pictures import BROKEN, OK, HostileImage, good_pictures, photograph, saved


def polyglots() -> Iterator[HostileImage]:
    """Archives, scripts and other pictures before, inside and behind a picture."""
    good = good_pictures()
    script = b"*/=1;alert(document.domain)//"
    archive = b"PK\3\4\x14\0\0\0\0\0" + bytes(20) + b"evil.txt" + b"PK\5\6" + bytes(18)
    for kind in ("jpeg", "png", "webp", "tiff", "bmp", "gif"):
        yield HostileImage(f"{kind} with a zip behind", good[kind] + archive, OK)
        yield HostileImage(f"{kind} with a script behind", good[kind] + script, OK)
    yield HostileImage(
        "gif and javascript", b"GIF89a=1/*" + script, ("TRUNCATED_IMAGE", "CORRUPT_IMAGE", "BAD_DIMENSIONS")
    )
    yield HostileImage("pdf before jpeg", b"%PDF-1.4\n" + good["jpeg"], ("UNSUPPORTED_FORMAT",))
    yield HostileImage("zip before png", archive + good["png"], ("NOT_AN_IMAGE",))
    comment = b"\xff\xfe" + struct.pack(">H", len(script) + 2) + script
    yield HostileImage("script in a jpeg comment", good["jpeg"][:2] + comment + good["jpeg"][2:], OK)
    yield HostileImage("two jpegs (mpo-like)", good["jpeg"] + good["progressive"], OK)
    mpo = saved(Image.fromarray(photograph()), "MPO", save_all=True, append_images=[Image.fromarray(photograph())])
    yield HostileImage("mpo of a phone", mpo, OK)
    yield HostileImage("png signature on a jpeg", b"\x89PNG\r\n\x1a\n" + good["jpeg"], BROKEN)
    yield HostileImage("webp signature on a png", b"RIFF\x10\0\0\0WEBP" + good["png"], BROKEN)
