"""Swap faces through Triton's own gRPC client.

pip install 'tritonclient[grpc]'
python examples/tritonclient_grpc.py me.jpg group.jpg swapped.png [127.0.0.1:8001]
"""

import json
import sys
from pathlib import Path

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException


def image_tensor(name: str, path: str) -> InferInput:
    """BYTES [1]: the file as it is, JPEG, PNG or WebP."""
    tensor = InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([Path(path).read_bytes()], dtype=np.object_))
    return tensor


def main(source: str, target: str, out: str, server: str = "127.0.0.1:8001") -> str | None:
    """Writes the swapped image to `out`; returns the server's error, if any."""
    triton = InferenceServerClient(server)
    try:
        answer = triton.infer(
            "face_swap",
            [image_tensor("SOURCE_IMAGE", source), image_tensor("TARGET_IMAGE", target)],
            parameters={"target_faces": "all", "output_format": "png"},  # the options of docs/reference/options.md
        )
    except InferenceServerException as error:
        return f"{error.status()}: {error.message()}"  # codes: docs/reference/errors.md
    finally:
        triton.close()
    Path(out).write_bytes(answer.as_numpy("SWAPPED_IMAGE")[0])
    faces = json.loads(answer.as_numpy("FACES")[0])["faces"]
    print(f"{out}: {sum(face['swapped'] for face in faces)} of {len(faces)} faces swapped")
    return None


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        print("usage: tritonclient_grpc.py SOURCE TARGET OUT [HOST:PORT]", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
