"""Converts InsightFace's files into a pack for serving: graph edits, proof against the originals, manifest."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from faceswap_contract.version import __version__
from faceswap_core.files.digests import file_sha256
from numpy.typing import NDArray

from faceswap_models.insightface.originals import WrongFileError
from faceswap_models.insightface.sources import OriginalFile, Pack
from faceswap_models.onnx_graphs import ProofFailedError, ProofRow, prepare_network, prove_batchable, read_emap
from faceswap_models.onnx_graphs.identity_projection import build_identity_projection
from faceswap_models.onnx_graphs.proof import BATCH_SIZES
from faceswap_models.pack_manifest import FORMAT, MANIFEST

# Names in the model repository, whichever pack the networks are from.
DETECTOR_FILE = "det_10g.onnx"
RECOGNISER_FILE = "w600k_r50.onnx"
PROJECTION_FILE = "project_identity.onnx"
SWAPPER_FILE = "inswapper_128.onnx"
PREPARED_FILES = (DETECTOR_FILE, RECOGNISER_FILE, PROJECTION_FILE, SWAPPER_FILE)

# Of unit-length rows; the products are summed in another order than numpy's.
LATENT_BOUND = 1e-5

# Called with a sentence when something long begins.
Notice = Callable[[str], None]


class OutputOccupiedError(RuntimeError):
    """The output directory holds something that is not a pack."""


def prepare_insightface_pack(
    pack: Pack,
    files: Mapping[str, Path],
    directory: Path,
    *,
    require_published_hashes: bool = True,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    notice: Notice | None = None,
) -> dict[str, Any]:
    """Writes `directory`: det_10g.onnx, w600k_r50.onnx, project_identity.onnx, inswapper_128.onnx, manifest.json.

    Everything is built and proven beside `directory`, which is then replaced. After a failure it is as it was.

    Args:
        pack: which files these are; the prepared ones of buffalo_s have the names above too.
        files: name of each of the pack's originals -> its path.
        directory: the pack's directory; must be new, empty or a pack.
        require_published_hashes: False accepts files with other hashes, for example random weights, if their
            graphs are exactly as published.
        batch_sizes: batch sizes of the proof.
        notice: called before each long step.

    Returns:
        The manifest, as written.

    Raises:
        WrongFileError: a file's sha256 is not the published one.
        GraphNotKnownError: a file's graph is not one that is known.
        ProofFailedError: a prepared network does not compute what the untouched file does.
        OutputOccupiedError: `directory` holds something else.
        OSError: a file cannot be read or written.
    """
    notice = notice or (lambda sentence: None)
    _require_replaceable(directory)
    missing = [original.name for original in pack.originals if original.name not in files]
    if missing:
        raise ValueError(f"no path is given for {', '.join(missing)}")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as scratch:
        staging = Path(scratch) / directory.name
        staging.mkdir()
        networks = {}
        for name, original in zip((DETECTOR_FILE, RECOGNISER_FILE, SWAPPER_FILE), pack.originals, strict=True):
            notice(f"preparing {name} from {original.name}")
            networks[name] = _prepare(
                original, files[original.name], staging / name, require_published_hashes, batch_sizes
            )
        notice(f"preparing {PROJECTION_FILE} from {pack.swapper.name}")
        networks[PROJECTION_FILE] = _project_identity(files[pack.swapper.name], staging / PROJECTION_FILE)
        manifest = _manifest(pack, networks)
        (staging / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        _install(staging, directory, Path(scratch))
    return manifest


def _prepare(
    original: OriginalFile,
    path: Path,
    prepared: Path,
    require_published_hashes: bool,
    batch_sizes: Sequence[int],
) -> dict[str, Any]:
    """Edits and proves one network; returns its entry in the manifest."""
    sha256 = file_sha256(path)
    is_published = sha256 == original.sha256
    if require_published_hashes and not is_published:
        raise WrongFileError.of_hash(path, original, sha256)
    edit = prepare_network(path, prepared, hash_is_published=is_published)
    expected = Path(original.name).stem
    if not is_published and edit.known.name != expected:
        raise WrongFileError(f"{path} has the graph of {edit.known.name}, not of {expected}")
    proof = prove_batchable(path, prepared, batch_sizes=batch_sizes)
    return {
        "source": {
            "name": original.name,
            "bytes": path.stat().st_size,
            "sha256": sha256,
            "sha256_is_published": is_published,
        },
        "changes": list(edit.changes),
        "departures_from_published_graph": list(edit.departures),
        "bytes": prepared.stat().st_size,
        "sha256": file_sha256(prepared),
        "proof": [_proof_entry(row) for row in proof],
    }


def _proof_entry(row: ProofRow) -> dict[str, Any]:
    return {
        "output": row.output,
        "batch": row.batch,
        "all_optimisations": row.optimised,
        "max_abs_difference": row.max_abs_difference,
        "bound": row.bound,
    }


def _project_identity(swapper: Path, prepared: Path) -> dict[str, Any]:
    """Builds `project_identity` from the swapper's emap and compares it with insightface's arithmetic."""
    emap = read_emap(onnx.load(swapper, load_external_data=False))
    onnx.save(build_identity_projection(emap), prepared)
    difference = _latent_difference(prepared, emap)
    if not difference <= LATENT_BOUND:
        raise ProofFailedError(f"project_identity: latents differ by {difference:.3g}, bound {LATENT_BOUND:g}")
    return {
        "source": {"name": swapper.name, "initializer": "emap, float32 [512,512]"},
        "changes": ["built: normalise, multiply by emap, normalise, one row for each target face"],
        "bytes": prepared.stat().st_size,
        "sha256": file_sha256(prepared),
        "proof": [{"output": "latent", "batch": 5, "max_abs_difference": difference, "bound": LATENT_BOUND}],
    }


def _latent_difference(projection: Path, emap: NDArray[np.float32]) -> float:
    """Largest difference to insightface's INSwapper.get over five target faces with three sources."""
    random = np.random.default_rng(0)
    embeddings = random.standard_normal((3, 512), dtype=np.float32) * np.float32(20)
    face_source = np.array([2, 0, 1, 1, 2], np.int32)
    session = onnxruntime.InferenceSession(str(projection), providers=["CPUExecutionProvider"])
    latents, _ = session.run(None, {"embedding": embeddings, "face_source": face_source})
    expected = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)) @ emap
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    return float(np.abs(latents - expected[face_source]).max())


def _manifest(pack: Pack, networks: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "pack": "insightface",
        "variant": pack.name,
        "licence": "InsightFace's trained models: non-commercial research only; not to be passed on",
        "made_with": {
            "faceswap-models": __version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        "sha256": {Path(name).stem: network["sha256"] for name, network in networks.items()},
        "networks": dict(networks),
    }


def _require_replaceable(directory: Path) -> None:
    """Refuses a directory that is not a pack, so that a wrong --output deletes nothing."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise OutputOccupiedError(f"{directory} is not a directory")
    others = {path.name for path in directory.iterdir()} - {*PREPARED_FILES, MANIFEST}
    if others:
        raise OutputOccupiedError(f"{directory} holds {', '.join(sorted(others)[:3])}, so it is not a pack")


def _install(staging: Path, directory: Path, scratch: Path) -> None:
    """Moves the finished pack to its place; the old one is deleted with the scratch directory."""
    if directory.exists():
        directory.replace(scratch / "replaced")
    staging.replace(directory)
