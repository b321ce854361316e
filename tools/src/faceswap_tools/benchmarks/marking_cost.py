"""CPU time of label, mark, signature, gate and audit hash for one 1920x1080 result."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import onnxruntime
from faceswap_core.codecs.decoding import KeptMetadata
from faceswap_core.codecs.encoding import encode_image
from faceswap_core.codecs.header import ImageFormat, inspect_image
from faceswap_core.limits import Limits
from faceswap_core.provenance.audit.records import ImageHasher
from faceswap_core.provenance.c2pa.development_chain import new_development_chain
from faceswap_core.provenance.c2pa.signing import ManifestSigner
from faceswap_core.provenance.gate.installed import ContentGate
from faceswap_core.provenance.visible_label import draw_label
from faceswap_core.provenance.xmp.mark import MarkedFormat, mark_as_synthetic
from faceswap_core.provenance.xmp.read_back import check_mark
from faceswap_core.types import RgbImage
from faceswap_models.content_gate import prepare_gate
from faceswap_models.content_gate.networks import STAND_IN, build_placeholder, build_stand_in

from faceswap_tools.benchmarks.images import BenchmarkImage, target_image
from faceswap_tools.benchmarks.pairing import Measured, alternate
from faceswap_tools.benchmarks.stages import one_opencv_thread
from faceswap_tools.benchmarks.table import Row
from faceswap_tools.benchmarks.targets import at_most

FORMATS: tuple[MarkedFormat, ...] = ("jpeg", "png", "webp")
MOST_MS, MOST_BYTES = 2.0, 15_000.0
"""What a signature may cost for a 1080p JPEG."""


def measure_marking(seconds: float) -> list[Row]:
    """Rows of wall milliseconds, and of bytes added. `seconds` are for all of them together."""
    calls, added = _calls(target_image("1080p", 1, 400))
    with one_opencv_thread():
        measured = alternate(calls, seconds=seconds, rounds=(5, 200), clock=time.perf_counter)
    rows = [_time_row(name, taken) for name, taken in measured.items()]
    for name, count in added.items():
        bound = MOST_BYTES if name.startswith("sign jpeg") else None
        rows.append(at_most(f"marks, 1080p: bytes added, {name}", count, 0.0, "bytes", bound))
    return rows


def _time_row(name: str, taken: Measured) -> Row:
    bound = MOST_MS if name.startswith("sign jpeg") else None
    return at_most(f"marks, 1080p: {name}", taken.median, taken.spread, "ms", bound)


def _calls(target: BenchmarkImage) -> tuple[dict[str, Callable[[], object]], dict[str, float]]:
    frame, chain = target.decoded(), new_development_chain()
    header = inspect_image(target.jpeg, "TARGET_IMAGE", Limits())
    signer, hasher = ManifestSigner(chain.chain_pem, chain.key_pem), ImageHasher(bytes(range(16)))
    labelled = frame.copy()
    calls: dict[str, Callable[[], object]] = {"label": lambda: draw_label(labelled)}
    added: dict[str, float] = {}
    for format in FORMATS:
        plain = encode_image(frame, None, target=header, kept=KeptMetadata(), format=ImageFormat(format), quality=95)
        marked = mark_as_synthetic(plain, format)
        size = f"{format} of {len(plain) // 1000} kB"

        def mark(plain: bytes = plain, format: MarkedFormat = format) -> bytes:
            return mark_as_synthetic(plain, format)

        def sign(plain: bytes = plain, marked: bytes = marked, format: MarkedFormat = format) -> bytes:
            return signer.sign(marked, format, plain, format, [format])

        def read_back(marked: bytes = marked) -> None:
            check_mark(marked)

        calls |= {f"mark {size}": mark, f"read the mark back, {size}": read_back, f"sign {size}": sign}
        added |= {f"mark {size}": len(marked) - len(plain), f"sign {size}": len(sign()) - len(marked)}
        if format == "jpeg":
            calls[f"audit hash, {size}"] = lambda plain=plain: hasher(plain)  # type: ignore[misc]
    return calls | _gate_calls(frame), added


def _gate_calls(frame: RgbImage) -> dict[str, Callable[[], object]]:
    gate, none = ContentGate(STAND_IN), ContentGate(None)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    networks = {"stand-in": prepare_gate(build_stand_in(), STAND_IN), "placeholder": build_placeholder()}
    sessions = {
        name: onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
        for name, network in networks.items()
    }
    anchors = np.zeros((1, 800, 1), np.float32)
    images = {"stand-in": gate.images([frame]), "placeholder": none.images([frame])}

    def run(name: str) -> Callable[[], object]:
        return lambda: sessions[name].run(None, {"image": images[name], "scores_32": anchors})

    return {
        "content gate, one image for open_nsfw's input": lambda: gate.images([frame]),
        "content gate, stand-in network": run("stand-in"),
        "no content gate, placeholder network": run("placeholder"),
    }
