"""Swap faces through KServe's Python client, its gRPC half.

Its REST half cannot receive images: it decodes every BYTES output as UTF-8.

    pip install kserve
    python examples/kserve_grpc.py me.jpg group.jpg swapped.png [127.0.0.1:8001]
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

logging.getLogger("kserve").setLevel(logging.CRITICAL)  # it logs every refusal with a traceback, and raises it too


def image_tensor(name: str, path: str) -> InferInput:
    """BYTES [1]: the file as it is, JPEG, PNG or WebP."""
    tensor = InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([Path(path).read_bytes()], dtype=np.object_))
    return tensor


async def main(source: str, target: str, out: str, server: str = "127.0.0.1:8001") -> str | None:
    """Writes the swapped image to `out`; returns the server's error, if any."""
    client = InferenceGRPCClient(server, timeout=120)
    request = InferRequest(
        "face_swap",
        [image_tensor("SOURCE_IMAGE", source), image_tensor("TARGET_IMAGE", target)],
        parameters={"target_faces": "all", "output_format": "png"},  # strings, also for numbers: "0.4"
    )
    try:
        answer = await client.infer(request)
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name}: {error.details()}"  # codes: docs/reference/errors.md
    finally:
        await client.close()
    outputs = {output.name: output.as_numpy() for output in answer.outputs}
    Path(out).write_bytes(outputs["SWAPPED_IMAGE"][0])
    faces = json.loads(outputs["FACES"][0])["faces"]
    print(f"{out}: {sum(face['swapped'] for face in faces)} of {len(faces)} faces swapped")
    return None


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        print("usage: kserve_grpc.py SOURCE TARGET OUT [HOST:PORT]", file=sys.stderr)
        sys.exit(2)
    sys.exit(asyncio.run(main(*sys.argv[1:])))
