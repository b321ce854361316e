"""Swap the same face into many images at once through Triton's asyncio HTTP client.

pip install 'tritonclient[http]'
python examples/tritonclient_http_aio.py me.jpg one.jpg two.jpg three.jpg --into swapped/ [--server 127.0.0.1:8000]
"""

import argparse
import asyncio
import sys
from pathlib import Path

import numpy as np
from tritonclient.http import InferInput
from tritonclient.http.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

AT_ONCE = 4


def image_tensor(name: str, path: Path) -> InferInput:
    """BYTES [1]: the file as it is, JPEG, PNG or WebP."""
    tensor = InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([path.read_bytes()], dtype=np.object_))
    return tensor


async def swap_all(source: Path, targets: list[Path], into: Path, server: str) -> int:
    """Writes one PNG for each target; returns how many failed."""
    limit = asyncio.Semaphore(AT_ONCE)
    async with InferenceServerClient(server) as triton:

        async def swap(target: Path) -> bool:
            async with limit:
                try:
                    answer = await triton.infer(
                        "face_swap",
                        [image_tensor("SOURCE_IMAGE", source), image_tensor("TARGET_IMAGE", target)],
                        parameters={"output_format": "png"},
                    )
                except InferenceServerException as error:
                    print(f"{target}: HTTP {error.status()}: {error.message()}", file=sys.stderr)
                    return False
            (into / f"{target.stem}.png").write_bytes(answer.as_numpy("SWAPPED_IMAGE")[0])
            return True

        return (await asyncio.gather(*map(swap, targets))).count(False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Swap one face into many images.")
    parser.add_argument("source", type=Path)
    parser.add_argument("targets", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--server", default="127.0.0.1:8000")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    failed = asyncio.run(swap_all(options.source, options.targets, options.into, options.server))
    print(f"{len(options.targets) - failed} of {len(options.targets)} images written into {options.into}")
    sys.exit(1 if failed else 0)
