"""Networks of a parity run: untouched files for insightface, the same files prepared for serving."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import onnx
from faceswap_core.files.digests import sources_sha256
from faceswap_models import onnx_graphs
from faceswap_models.onnx_graphs import identity_projection
from faceswap_models.onnx_graphs.identity_projection import build_identity_projection
from faceswap_models.onnx_graphs.prepare import prepare_network
from faceswap_models.onnx_graphs.swapper import read_emap
from faceswap_models.pack_manifest import PackError, read_manifest, seal_pack

from faceswap_tools.random_weights.build import build_random_weights

DETECTOR, RECOGNISER, SWAPPER = "det_10g", "w600k_r50", "inswapper_128"


@dataclass(frozen=True, slots=True)
class ParityNetworks:
    """Untouched files by network name, and the pack prepared from them. Without a detector of insightface's kind
    `originals` has none: insightface's own detector code then runs on the pack's, through its float interface."""

    originals: dict[str, Path]
    pack: Path


def prepare_networks(
    packs: Path, detector: Path | None, recogniser: Path | None, swapper: Path | None
) -> ParityNetworks:
    """Prepares what is given; a missing recogniser or swapper gets random weights, a missing detector is CenterFace.

    Args:
        packs: directory for prepared packs; the result is cached there by the files' sizes and names.
    """
    originals: dict[str, Path] = {}
    if detector is not None:
        originals[DETECTOR] = detector
    missing = [name for name, path in ((RECOGNISER, recogniser), (SWAPPER, swapper)) if path is None]
    built = build_random_weights(names=missing) if missing else {}
    originals[RECOGNISER] = recogniser or built[RECOGNISER]
    originals[SWAPPER] = swapper or built[SWAPPER]
    key = "-".join(f"{path.stem}.{path.stat().st_size}" for path in originals.values())
    pack = packs / f"parity-{key}-{_graph_edits_version()}"
    try:
        read_manifest(pack)
    except PackError:
        _prepare(originals, pack)
    return ParityNetworks(originals, pack)


def _graph_edits_version() -> str:
    """Of the code that prepares networks: another version of it means another pack."""
    sources = [Path(identity_projection.__file__), *sorted(Path(onnx_graphs.__file__).parent.glob("*.py"))]
    return sources_sha256(sources)[:8]


def _prepare(originals: dict[str, Path], pack: Path) -> None:
    pack.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".parity-", dir=pack.parent))
    try:
        for name, original in originals.items():
            prepare_network(original, scratch / f"{name}.onnx")
        if DETECTOR not in originals:
            from faceswap_models.offline import build_detector  # noqa: PLC0415  needed in this case only

            onnx.save(build_detector(), scratch / f"{DETECTOR}.onnx")
        projection = build_identity_projection(read_emap(onnx.load(originals[SWAPPER])))
        onnx.save(projection, scratch / "project_identity.onnx")
        seal_pack(scratch, pack.name)
        shutil.rmtree(pack, ignore_errors=True)
        scratch.replace(pack)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
