"""Invalid embeddings, invalid raw frames, and too few or too many images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from faceswap_client.wire.tensors import Tensor, bytes_tensor, float_tensor
from faceswap_server.supervision.swap_probe import probe_image
from numpy.typing import NDArray

from faceswap_tools.adversarial.images import LIMIT_SIDE
from faceswap_tools.adversarial.requests import (
    REFUSED_BY_TRITON,
    AdversarialRequest,
    asking,
    good_source,
    good_target,
)

MODEL = "face_swap_identity"
REFUSED = (REFUSED_BY_TRITON,)
INVALID = ("INVALID_IDENTITY",)


def _embeddings(array: NDArray[np.float64]) -> Tensor:
    with np.errstate(over="ignore"):
        return float_tensor("SOURCE_EMBEDDINGS", array.astype(np.float32))


def _one_wrong(value: float) -> NDArray[np.float64]:
    row = np.ones((1, 512))
    row[0, 511] = value
    return row


def adversarial_identities() -> Iterator[AdversarialRequest]:
    """Numbers that make no vector, and tensors that hold no numbers."""
    ones, target = np.ones((1, 512)), good_target()
    values = {
        "NaN": ones * np.nan,
        "infinite": ones * np.inf,
        "minus infinite": ones * -np.inf,
        "zero": ones * 0,
        "minus zero": ones * -0.0,
        "denormal": ones * 1e-40,
        "tiny": ones * 1e-30,
        "huge": ones * 1e30,
        "as large as float32 can be": ones * float(np.finfo(np.float32).max),
        "one NaN of 512": _one_wrong(np.nan),
        "one infinite number of 512": _one_wrong(np.inf),
        "one huge number of 512": _one_wrong(1e38),
        "the last of eight NaN": np.vstack([np.ones((7, 512)), ones * np.nan]),
        "none": np.ones((0, 512)),
        "nine": np.ones((9, 512)),
        "a thousand": np.ones((1000, 512)),
    }
    for name, array in values.items():
        yield AdversarialRequest(f"identities: {name}", asking([_embeddings(array), target], model=MODEL), INVALID)
    two = asking([_embeddings(np.ones((2, 512))), target], model=MODEL)
    yield AdversarialRequest("identities: two for one face", two, ("SOURCE_COUNT_MISMATCH",))
    for name, shape in {
        "511 wide": (1, 511),
        "513 wide": (1, 513),
        "one dimension": (512,),
        "three dimensions": (1, 1, 512),
        "no width": (1, 0),
    }.items():
        wrong = asking([_embeddings(np.ones(shape)), target], model=MODEL)
        yield AdversarialRequest(f"identities: {name}", wrong, REFUSED)
    tensors = {
        "of FP64": Tensor("SOURCE_EMBEDDINGS", "FP64", (1, 512), bytes(4096)),
        "of FP16": Tensor("SOURCE_EMBEDDINGS", "FP16", (1, 512), bytes(1024)),
        "of INT32": Tensor("SOURCE_EMBEDDINGS", "INT32", (1, 512), bytes(2048)),
        "as an image": bytes_tensor("SOURCE_EMBEDDINGS", [probe_image()]),
        "of too few bytes": Tensor("SOURCE_EMBEDDINGS", "FP32", (1, 512), bytes(2044)),
        "of too many bytes": Tensor("SOURCE_EMBEDDINGS", "FP32", (1, 512), bytes(2052)),
        "of no bytes": Tensor("SOURCE_EMBEDDINGS", "FP32", (1, 512), b""),
    }
    for name, tensor in tensors.items():
        yield AdversarialRequest(f"identities: {name}", asking([tensor, target], model=MODEL), REFUSED)
    yield AdversarialRequest("identities: not sent", asking([target], model=MODEL), ("INVALID_TENSOR",))
    frame = Tensor("TARGET_FRAME", "UINT8", (8, 8, 3), bytes(192))
    yield AdversarialRequest("identities: not sent, with a frame", asking([frame], model=MODEL), ("INVALID_TENSOR",))


def adversarial_frames() -> Iterator[AdversarialRequest]:
    """Raw frames that cannot be."""
    good = _embeddings(np.ones((1, 512)))

    def frame(shape: tuple[int, ...], datatype: str = "UINT8", size: int | None = None) -> Tensor:
        return Tensor("TARGET_FRAME", datatype, shape, bytes(int(np.prod(shape)) if size is None else size))

    for name, tensor, outcomes in (
        ("no height", frame((0, 8, 3)), ("BAD_DIMENSIONS",)),
        ("no width", frame((8, 0, 3)), ("BAD_DIMENSIONS",)),
        ("too long", frame((1, LIMIT_SIDE + 1, 3)), ("BAD_DIMENSIONS",)),
        ("too high", frame((LIMIT_SIDE + 1, 1, 3)), ("BAD_DIMENSIONS",)),
        ("too many pixels", frame((1001, 2000, 3)), ("TOO_MANY_PIXELS",)),
        ("one pixel", frame((1, 1, 3)), ("NO_FACE_IN_TARGET",)),
        ("one row", frame((1, LIMIT_SIDE, 3)), ("NO_FACE_IN_TARGET",)),
        ("four channels", frame((8, 8, 4)), REFUSED),
        ("no channels", frame((8, 8, 0)), REFUSED),
        ("two dimensions", frame((8, 24)), REFUSED),
        ("four dimensions", frame((1, 8, 8, 3)), REFUSED),
        ("100 000 x 100 000 in 300 bytes", frame((100_000, 100_000, 3), size=300), REFUSED),
        ("2^31 x 2^31 in 12 bytes", frame((2**31, 2**31, 3), size=12), REFUSED),
        ("a byte short", frame((8, 8, 3), size=191), REFUSED),
        ("of floats", frame((8, 8, 3), "FP32", 768), REFUSED),
    ):
        yield AdversarialRequest(f"frame: {name}", asking([good, tensor], model=MODEL), outcomes)
    small = frame((8, 8, 3))
    for option, value in (("output_format", "png"), ("max_side", 64)):
        request = asking([good, small], {option: value}, MODEL)
        yield AdversarialRequest(f"frame: {option}={value}", request, ("INVALID_OPTION",))
    yield AdversarialRequest("neither frame nor image", asking([good], model=MODEL), ("WRONG_PICTURE_COUNT",))


def adversarial_counts() -> Iterator[AdversarialRequest]:
    """More or fewer images, and faces, than there may be."""
    image, source, target = probe_image(), good_source(), good_target()

    def sources(*items: bytes) -> Tensor:
        return bytes_tensor("SOURCE_IMAGE", items)

    wrong = ("WRONG_PICTURE_COUNT",)
    yield AdversarialRequest("0 sources", asking([sources(), target]), wrong)
    yield AdversarialRequest("9 sources", asking([sources(*[image] * 9), target]), wrong)
    yield AdversarialRequest("10 000 empty sources", asking([sources(*[b""] * 10_000), target]), wrong)
    yield AdversarialRequest("8 empty sources", asking([sources(*[b""] * 8), target]), ("EMPTY_IMAGE",))
    last = sources(*[image] * 7, b"<html>")
    yield AdversarialRequest("8 sources, the last no image", asking([last, target]), ("NOT_AN_IMAGE",))
    mismatch = asking([sources(image, image), target])
    yield AdversarialRequest("2 sources for one face", mismatch, ("SOURCE_COUNT_MISMATCH",))
    for count in (0, 2, 9):
        targets = bytes_tensor("TARGET_IMAGE", [image] * count)
        yield AdversarialRequest(f"{count} targets", asking([source, targets]), REFUSED)
    for options in ({"source_face": 1}, {"source_face": 4095}, {"target_faces": "0,1"}, {"target_faces": "4095"}):
        request = asking([source, target], options)
        yield AdversarialRequest(f"a face that is not there: {options}", request, ("FACE_INDEX_OUT_OF_RANGE",))
