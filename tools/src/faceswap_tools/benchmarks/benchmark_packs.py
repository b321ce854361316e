"""Model packs of the benchmarks, and the same networks in the form insightface takes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import onnx
from faceswap_core.files.user_cache import user_cache_directory
from faceswap_models.checkout import Checkout
from faceswap_models.offline.pack import prepare_offline_pack
from faceswap_models.onnx_graphs import prepare_network, read_emap
from faceswap_models.onnx_graphs.identity_projection import build_identity_projection
from faceswap_models.pack_manifest import seal_pack

from faceswap_tools.benchmarks.insightface_networks import write_float_networks
from faceswap_tools.random_weights import build_random_weights


@dataclass(frozen=True, slots=True)
class BenchmarkPack:
    """`ours`: a pack's directory. `theirs`: insightface's file for det_10g, w600k_r50 and inswapper_128."""

    name: str
    ours: Path
    theirs: dict[str, Path]


def offline_benchmark_pack(scratch: Path) -> BenchmarkPack:
    """The offline pack: networks so small that the work around them decides."""
    pack = prepare_offline_pack(Checkout.find().packs / "offline")
    directory = scratch / "insightface-offline"
    directory.mkdir()
    return BenchmarkPack("offline", pack, write_float_networks(pack, directory))


def random_weights_benchmark_pack(scratch: Path, detector: Path | None = None) -> BenchmarkPack:
    """Recogniser and swapper have random weights, so a face costs what a real one costs.

    A detector with random weights finds no face, so the detector is the offline pack's, or `detector`,
    an SCRFD file as InsightFace published it. Random-weight networks (730 MB) and what is made of them are kept in the
    user's cache directory.
    """
    offline = offline_benchmark_pack(scratch)
    networks = build_random_weights(names=("w600k_r50", "inswapper_128"))
    theirs = {**offline.theirs, **networks}
    directory = user_cache_directory() / "random-weight-pack"
    directory.mkdir(parents=True, exist_ok=True)
    for name, original in networks.items():
        prepared = directory / f"{name}.onnx"
        if not prepared.is_file():
            prepare_network(original, prepared)
    projection = directory / "project_identity.onnx"
    if not projection.is_file():
        emap = read_emap(onnx.load(networks["inswapper_128"], load_external_data=False))
        onnx.save(build_identity_projection(emap), projection)
    if detector is None:
        shutil.copyfile(offline.ours / "det_10g.onnx", directory / "det_10g.onnx")
    else:
        prepare_network(detector, directory / "det_10g.onnx")
        theirs["det_10g"] = detector
    seal_pack(directory, "random weights")
    return BenchmarkPack("random weights", directory, theirs)
