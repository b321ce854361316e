"""`--input-data` for perf_analyzer from any images.

    python -m faceswap_tools.load.perf_input SOURCE TARGET... -o perf.json

A BYTES element travels as a 4-byte little-endian length and the bytes, base64 of both in the JSON
(perf_analyzer's docs/input_data.md). perf_analyzer cycles through the entries, one per request.
"""

from __future__ import annotations

import argparse
import base64
import json
import struct
import sys
from collections.abc import Sequence
from pathlib import Path


def bytes_tensor(images: Sequence[bytes]) -> dict[str, object]:
    """A BYTES tensor of encoded images, as perf_analyzer reads it."""
    packed = b"".join(struct.pack("<I", len(image)) + image for image in images)
    return {"content": {"b64": base64.b64encode(packed).decode("ascii")}, "shape": [len(images)]}


def face_swap_input(source: bytes, targets: Sequence[bytes]) -> dict[str, object]:
    """Input data for the model `face_swap`: one entry per target, all with the same source.

    Raises:
        ValueError: there is no target.
    """
    if not targets:
        raise ValueError("at least one target image is needed")
    return {
        "data": [{"SOURCE_IMAGE": bytes_tensor([source]), "TARGET_IMAGE": bytes_tensor([target])} for target in targets]
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 written, 1 a file cannot be read or written."""
    parser = argparse.ArgumentParser(
        prog="python -m faceswap_tools.load.perf_input", description="Writes perf_analyzer's --input-data JSON."
    )
    parser.add_argument("source", type=Path, help="encoded image with the face to take")
    parser.add_argument("targets", type=Path, nargs="+", help="encoded images to change, one request each")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file to write")
    chosen = parser.parse_args(arguments)
    try:
        document = face_swap_input(chosen.source.read_bytes(), [path.read_bytes() for path in chosen.targets])
        chosen.output.write_text(json.dumps(document), encoding="ascii")
    except OSError as error:
        sys.stderr.write(f"perf_input: {error.strerror}: {error.filename}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
