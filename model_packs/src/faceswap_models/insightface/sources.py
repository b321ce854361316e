"""InsightFace's published files: names, sizes, sha256, addresses, licence notice.

Sizes and hashes: each is recorded by at least two independent public repositories that verify their download with
it; only `det_500m`'s was recomputed here. Official addresses: insightface's downloader (utils/storage.py) and release
page. A mirror that serves other bytes is refused by the hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LICENCE_NOTICE = """\
The networks of InsightFace are not part of this project and not under its licence.

InsightFace makes its trained models, those of the buffalo packs and inswapper_128 among them, available
for NON-COMMERCIAL RESEARCH only, however they are obtained. Nobody grants you the right to pass them on,
inside a public container image for instance.

For any other use ask InsightFace first:
  inswapper models      contact@insightface.ai
  buffalo_l recognition recognition-oss-pack@insightface.ai
  terms                 https://github.com/deepinsight/insightface (README, section License)

A face swap shows a person who was not there. Use images of people who agreed to it.

To go on, repeat the command with --accept-license.
"""

_RELEASES = "https://github.com/deepinsight/insightface/releases/download"
_HUGGING_FACE = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class OriginalFile:
    """One published file."""

    name: str
    size: int  # bytes
    sha256: str
    urls: tuple[str, ...] = ()  # where it can be downloaded, in the order to try


@dataclass(frozen=True, slots=True)
class Archive:
    """A published zip file and its members that are used."""

    file: OriginalFile
    members: tuple[OriginalFile, ...]


@dataclass(frozen=True, slots=True)
class Pack:
    """The networks of one pack: `detector` and `recogniser` from any of the archives, `swapper` by itself."""

    name: str
    detector: OriginalFile
    recogniser: OriginalFile
    swapper: OriginalFile
    archives: tuple[Archive, ...]  # in the order to try; one is enough

    @property
    def originals(self) -> tuple[OriginalFile, OriginalFile, OriginalFile]:
        return (self.detector, self.recogniser, self.swapper)


def _pack_urls(archive: str) -> tuple[str, ...]:
    return (
        f"{_RELEASES}/v0.7/{archive}",
        f"{_RELEASES}/model-zoo/{archive}",
        f"{_HUGGING_FACE}/vladmandic/insightface-faceanalysis/resolve/main/{archive}",
    )


DET_10G = OriginalFile("det_10g.onnx", 16_923_827, "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91")
W600K_R50 = OriginalFile(
    "w600k_r50.onnx", 174_383_860, "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"
)
DET_500M = OriginalFile("det_500m.onnx", 2_524_817, "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a")
W600K_MBF = OriginalFile(
    "w600k_mbf.onnx", 13_616_099, "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f"
)
INSWAPPER_128 = OriginalFile(
    "inswapper_128.onnx",
    554_253_681,
    "e4a3f08c753cb72d04e10aa0f7dbe3deebbf39567d4ead6dce08e98aa49e16af",
    (
        f"{_RELEASES}/v0.7/inswapper_128.onnx",
        f"{_RELEASES}/model-zoo/inswapper_128.onnx",
        f"{_HUGGING_FACE}/ezioruan/inswapper_128.onnx/resolve/main/inswapper_128.onnx",
        f"{_HUGGING_FACE}/datasets/Gourieff/ReActor/resolve/main/models/inswapper_128.onnx",
        f"{_HUGGING_FACE}/ashleykleynhans/inswapper/resolve/main/inswapper_128.onnx",
    ),
)

BUFFALO_L = Archive(
    OriginalFile(
        "buffalo_l.zip",
        288_621_354,
        "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
        _pack_urls("buffalo_l.zip"),
    ),
    (DET_10G, W600K_R50),
)
# the same two files as in buffalo_s.zip, without 112 MB that are not used
BUFFALO_SC = Archive(
    OriginalFile(
        "buffalo_sc.zip",
        14_969_382,
        "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
        _pack_urls("buffalo_sc.zip"),
    ),
    (DET_500M, W600K_MBF),
)
BUFFALO_S = Archive(
    OriginalFile(
        "buffalo_s.zip",
        127_607_557,
        "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
        _pack_urls("buffalo_s.zip"),
    ),
    (DET_500M, W600K_MBF),
)

PACKS: Mapping[str, Pack] = {
    "buffalo_l": Pack("buffalo_l", DET_10G, W600K_R50, INSWAPPER_128, (BUFFALO_L,)),
    "buffalo_s": Pack("buffalo_s", DET_500M, W600K_MBF, INSWAPPER_128, (BUFFALO_SC, BUFFALO_S)),
}
