"""Reads an image's provenance metadata: the IPTC digital source type in XMP, and the C2PA manifest.

    verification = verify_image(Path("swap.jpg").read_bytes())
    verification.synthetic      # True: one of the two says so
    verification.c2pa_state     # "trusted", "valid", "invalid", "none" or "unchecked"

The absence of both proves nothing: one re-save strips them. C2PA needs the package c2pa-python, which the extra
`verify` brings; without it the state is "unchecked". Nothing is fetched from the network.
"""

from __future__ import annotations

import importlib
import io
import json
import ssl
import warnings
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image, UnidentifiedImageError

from faceswap_client.images.xmp import AmbiguousXmpError, digital_source_type

C2paState = Literal["trusted", "valid", "invalid", "none", "unchecked"]

SYNTHETIC_SOURCE_TYPES = frozenset(
    {
        "algorithmicMedia",
        "compositeSynthetic",
        "compositeWithTrainedAlgorithmicMedia",
        "trainedAlgorithmicMedia",
    }
)
"""IPTC NewsCodes for images made, wholly or in part, by an algorithm (the last part of the address)."""

C2PA_MISSING = "c2pa-python is not installed; the extra `verify` brings it: pip install './client[verify]'"
"""The problem that is named where the C2PA manifest was not checked."""

_MIME_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_SETTINGS: dict[str, Any] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


class NotAnImageError(ValueError):
    """The bytes are not a JPEG, PNG or WebP."""


class TrustAnchorError(ValueError):
    """The trust anchors are not PEM certificates."""


@dataclass(frozen=True, slots=True)
class Action:
    """One step in the manifest, for example `c2pa.edited`, with its IPTC source type where it has one."""

    name: str
    digital_source_type: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Ingredient:
    """An image this one was made from, as the manifest names it.

    Attributes:
        title: its name.
        relationship: `parentOf` for the image that was edited, `componentOf` for one that was put into it.
        signed: it has a C2PA manifest.
        problems: what was wrong with that manifest when the ingredient was added, for example a changed pixel.
    """

    title: str
    relationship: str
    signed: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """Provenance metadata of one image.

    Attributes:
        format: `jpeg`, `png` or `webp`.
        xmp_mark: the XMP names a source type of `SYNTHETIC_SOURCE_TYPES`, to every reader.
        digital_source_type: the address in the XMP, whatever it says; None where there is none, and where the XMP is
            ambiguous: several packets or rdf:RDF, for example, of which readers see different ones.
        c2pa_state: `trusted`: intact, and signed under one of the trust anchors. `valid`: intact, by a signer that
            no anchor vouches for: anybody can make such a signature. `invalid`: changed after signing, or broken.
            `none`: no manifest. `unchecked`: c2pa-python is not installed.
        problems: an ambiguous XMP; code and explanation of each failure of the manifest, for example
            `assertion.dataHash.mismatch`.
        signed_by: organization in the signer's certificate; a claim unless the state is `trusted`.
        signer_name: common name in the signer's certificate.
        signed_at: time of an RFC 3161 time stamp, ISO 8601, or None: a signature alone has no time.
        time_trusted: the time stamp's own signer is under one of the trust anchors; else `signed_at` is a claim.
        generator: name and version of what wrote the manifest.
        actions: the manifest's actions in order.
        ingredients: what the image was made from.
        manifests: how many manifests are stored: 1 for the result alone, more with a history.
    """

    format: str
    xmp_mark: bool
    digital_source_type: str | None
    c2pa_state: C2paState
    problems: tuple[str, ...] = ()
    signed_by: str | None = None
    signer_name: str | None = None
    signed_at: str | None = None
    time_trusted: bool = False
    generator: str | None = None
    actions: tuple[Action, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    manifests: int = 0

    @property
    def synthetic(self) -> bool:
        """Whether the XMP, or an intact manifest, says that an algorithm made the image or parts of it."""
        intact = self.c2pa_state in ("trusted", "valid")
        return self.xmp_mark or (intact and any(_is_synthetic(action.digital_source_type) for action in self.actions))


def verify_image(encoded: bytes, trust_anchors: bytes | None = None) -> Verification:
    """Reads the XMP mark and the C2PA manifest of an image.

    Args:
        encoded: a JPEG, PNG or WebP.
        trust_anchors: PEM certificates of the roots to trust. Without them no signature is `trusted`.

    Raises:
        NotAnImageError: another format, or too broken to read its header.
        TrustAnchorError: the anchors are not PEM certificates.
    """
    pillow_format = _format(encoded)
    source_type: str | None = None
    ambiguous: tuple[str, ...] = ()
    try:
        source_type = digital_source_type(encoded)
    except AmbiguousXmpError as error:
        ambiguous = (f"the XMP is ambiguous and counts as no mark: {error}",)
    part = _manifest_part(encoded, _MIME_TYPES[pillow_format], trust_anchors)
    return Verification(
        format=_MIME_TYPES[pillow_format].removeprefix("image/"),
        xmp_mark=_is_synthetic(source_type),
        digital_source_type=source_type,
        **part | {"problems": (*ambiguous, *part.get("problems", ()))},
    )


def _manifest_part(encoded: bytes, mime_type: str, trust_anchors: bytes | None) -> dict[str, Any]:
    try:
        c2pa: Any = importlib.import_module("c2pa")
    except ModuleNotFoundError:
        return {"c2pa_state": "unchecked", "problems": (C2PA_MISSING,)}
    return _c2pa_part(c2pa, encoded, mime_type, trust_anchors)


def _is_synthetic(source_type: str | None) -> bool:
    return source_type is not None and source_type.rpartition("/")[2] in SYNTHETIC_SOURCE_TYPES


def _format(encoded: bytes) -> str:
    """Pillow's name of the format; no pixel is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about large images and unusual metadata do not matter here
            with Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG", "WEBP")) as image:
                return str(image.format)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise NotAnImageError(f"not a JPEG, PNG or WebP that can be read: {error}") from None


def _c2pa_part(c2pa: Any, encoded: bytes, mime_type: str, trust_anchors: bytes | None) -> dict[str, Any]:
    settings = dict(_SETTINGS)
    if trust_anchors is not None:
        settings["trust"] = {"trust_anchors": _checked_anchors(trust_anchors)}
    context = c2pa.Context.from_dict(settings)
    with context:
        try:
            reader = c2pa.Reader.try_create(mime_type, io.BytesIO(encoded), context=context)
        except c2pa.C2paError as error:
            if str(error).startswith("Remote"):  # the XMP names an address, which the sender of the image chose
                return {"c2pa_state": "none", "problems": ("a manifest elsewhere is named and was not fetched",)}
            return {"c2pa_state": "invalid", "problems": (f"the manifest cannot be read: {error}",)}
        if reader is None:
            return {"c2pa_state": "none"}
        with reader:
            return _from_report(json.loads(reader.json()))


def _checked_anchors(trust_anchors: bytes) -> str:
    # c2pa silently ignores what it cannot read, and then nothing would be trusted
    try:
        pem = trust_anchors.decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (UnicodeDecodeError, ValueError, ssl.SSLError) as error:
        raise TrustAnchorError(f"the trust anchors are not PEM certificates: {error}") from None
    return pem


def _from_report(report: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Verification` from c2pa's JSON report."""
    manifest = report.get("manifests", {}).get(report.get("active_manifest"), {})
    results = report.get("validation_results", {}).get("activeManifest", {})
    signature = manifest.get("signature_info", {})
    state = str(report.get("validation_state", "Invalid")).lower()
    return {
        "c2pa_state": state if state in ("trusted", "valid") else "invalid",
        "problems": _problems(report),
        "signed_by": signature.get("issuer"),
        "signer_name": signature.get("common_name"),
        "signed_at": signature.get("time"),
        "time_trusted": any(success.get("code") == "timeStamp.trusted" for success in results.get("success", [])),
        "generator": _generator(manifest),
        "actions": tuple(_actions(manifest)),
        "ingredients": tuple(_ingredient(part) for part in manifest.get("ingredients", [])),
        "manifests": len(report.get("manifests", {})),
    }


def _problems(part: dict[str, Any]) -> tuple[str, ...]:
    failures = part.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    return tuple(f"{failure.get('code')}: {failure.get('explanation', '')}" for failure in failures)


def _ingredient(part: dict[str, Any]) -> Ingredient:
    return Ingredient(
        title=str(part.get("title", "")),
        relationship=str(part.get("relationship", "")),
        signed=bool(part.get("active_manifest")),
        problems=_problems(part),
    )


def _generator(manifest: dict[str, Any]) -> str | None:
    for info in manifest.get("claim_generator_info", []):
        return " ".join(str(info[key]) for key in ("name", "version") if info.get(key))
    return None


def _actions(manifest: dict[str, Any]) -> list[Action]:
    return [
        Action(str(action.get("action", "")), action.get("digitalSourceType"), action.get("description"))
        for assertion in manifest.get("assertions", [])
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]
