"""Signs results with a C2PA manifest (C2PA specification 2.x) through c2pa-python.

The manifest states: this image was opened from a target (its parent ingredient), sources were placed on it (component
ingredients), and it was edited by a trained model. What it holds of the sources is how many there were and their
formats, never a thumbnail, a hash or their own manifest: a signed source carries a thumbnail of the person in
its manifest, and c2pa copies that along when it is given the source's bytes.

`c2pa` is imported when a signer is made, so this module can be imported without it.
"""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import simplejpeg
from faceswap_contract.version import __version__

from faceswap_core.codecs.header_facts import CorruptDataError, TruncatedDataError
from faceswap_core.codecs.jpeg_segments import header_segments
from faceswap_core.codecs.png_chunks import read_chunks
from faceswap_core.provenance.xmp.packet import DIGITAL_SOURCE_TYPE
from faceswap_core.provenance.xmp.webp import iter_chunks

MIME_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "avif": "image/avif",
    "heic": "image/heic",
}
ALGORITHMS = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")

_APP11 = 0xEB
_SETTINGS = {
    # reading our own signature back costs more than signing; `check` does it once
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    # on by default: 400 kB and 130 ms an image, and it would show the faces
    "builder": {"thumbnail": {"enabled": False}},
}


class SigningUnavailableError(RuntimeError):
    """Signing was asked for and the package c2pa-python is not installed."""


class SigningKeyError(ValueError):
    """Certificate chain, key, callback or time-stamp authority do not make a valid signature."""


class SigningError(RuntimeError):
    """An image could not be signed. The message is c2pa's and holds nothing of the image."""


class ManifestSigner:
    """Holds a certificate chain and a key, and signs images with them. May be shared by threads.

    Args:
        chain_pem: the signer's certificate first, then its issuers; the root may be left out.
        key: the private key as PKCS#8 PEM, or a function that signs bytes (a KMS): it returns an
            ECDSA signature in DER form. A PEM key reserves 2 kB for the signature, a function 11 kB.
        alg: one of `ALGORITHMS`; the key's.
        time_stamp_authority: the http or https address of an RFC 3161 service: one network call an image.
        product: name and version of the claim generator.

    Raises:
        SigningUnavailableError: c2pa-python is not installed.
        SigningKeyError: c2pa does not take the chain, the key or the address.
    """

    def __init__(
        self,
        chain_pem: bytes,
        key: bytes | Callable[[bytes], bytes],
        alg: str = "es256",
        time_stamp_authority: str | None = None,
        product: tuple[str, str] = ("faceswap-triton", __version__),
    ) -> None:
        if alg not in ALGORITHMS:
            raise SigningKeyError(f"alg is one of {', '.join(ALGORITHMS)}, got {alg!r}")
        if time_stamp_authority and not time_stamp_authority.startswith(("http://", "https://")):
            raise SigningKeyError("the time-stamp authority is an http or https address")
        self._c2pa = load_c2pa()
        self._product = product
        self._key = key  # c2pa holds the function by a pointer only
        try:
            self._context = self._c2pa.Context.from_dict(_SETTINGS)
            self._signer = self._native_signer(chain_pem, key, alg, time_stamp_authority)
        except self._c2pa.C2paError as error:
            raise SigningKeyError(f"the signing key cannot be used: {error}") from None

    def _native_signer(
        self, chain_pem: bytes, key: bytes | Callable[[bytes], bytes], alg: str, authority: str | None
    ) -> Any:
        if callable(key):
            algorithm = self._c2pa.C2paSigningAlg[alg.upper()]
            return self._c2pa.Signer.from_callback(key, algorithm, chain_pem.decode("ascii"), authority)
        info = self._c2pa.C2paSignerInfo(alg, chain_pem, key, authority)
        return self._c2pa.Signer.from_info(info)

    def sign(
        self,
        encoded: bytes,
        format: str,
        target: bytes,
        target_format: str,
        source_formats: Sequence[str],
    ) -> bytes:
        """The image with a manifest in it; compressed pixels and other metadata are copied as they are.

        Args:
            encoded: the result, already marked (`xmp_mark`): the signature covers its metadata too.
            format: `jpeg`, `png` or `webp`.
            target: the target image as it was sent. If it has a manifest that can be read, that comes along whole
                as the history of the result, and the result grows by its size.
            target_format: a key of `MIME_TYPES`.
            source_formats: the format of each source, in request order; keys of `MIME_TYPES`, or empty where the
                source came as an embedding.

        Raises:
            SigningError: c2pa could not sign, the key's callback failed, or the time-stamp authority did.
        """
        signed = io.BytesIO()
        try:
            with self._builder(format, target, target_format, source_formats) as builder:
                builder.sign(self._signer, MIME_TYPES[format], io.BytesIO(encoded), signed)
        except self._c2pa.C2paError as error:
            raise SigningError(f"the image could not be signed: {error}") from None
        return signed.getvalue()

    def _builder(self, format: str, target: bytes, target_format: str, source_formats: Sequence[str]) -> Any:
        if may_hold_manifest(target, target_format):
            manifest = self._manifest(format, target_format, source_formats, declare_target=False)
            builder = self._c2pa.Builder(json.dumps(manifest), self._context)
            ingredient = json.dumps(_ingredient("target", "parentOf", target_format))
            try:
                builder.add_ingredient(ingredient, MIME_TYPES[target_format], io.BytesIO(target))
                return builder
            except self._c2pa.C2paError:
                builder.close()  # a history that cannot be read is no reason to refuse the image
        manifest = self._manifest(format, target_format, source_formats, declare_target=True)
        return self._c2pa.Builder(json.dumps(manifest), self._context)

    def _manifest(
        self, format: str, target_format: str, source_formats: Sequence[str], declare_target: bool
    ) -> dict[str, Any]:
        sources = [f"source {number}" for number in range(1, len(source_formats) + 1)]
        ingredients = [
            _ingredient(name, "componentOf", source_format)
            for name, source_format in zip(sources, source_formats, strict=True)
        ]
        if declare_target:
            ingredients.insert(0, _ingredient("target", "parentOf", target_format))
        name, version = self._product
        edited = {
            "action": "c2pa.edited",
            "digitalSourceType": DIGITAL_SOURCE_TYPE,
            "softwareAgent": {"name": name, "version": version},
            "description": "AI face swap",
        }
        # the first action has to be c2pa.opened or c2pa.created, else the manifest is invalid
        actions: list[dict[str, Any]] = [{"action": "c2pa.opened", "parameters": {"ingredientIds": ["target"]}}]
        if sources:
            actions.append({"action": "c2pa.placed", "parameters": {"ingredientIds": sources}})
        return {
            "claim_generator_info": [{"name": name, "version": version}],
            "title": "face swap",
            "format": MIME_TYPES[format],
            "ingredients": ingredients,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [*actions, edited]}}],
        }

    def check(self) -> None:
        """Signs an 8 by 8 image and reads it back: for the start of a server.

        Raises:
            SigningKeyError: the key does not belong to the certificate, the certificate is out of its dates or
                not fit for C2PA, the callback fails, or the time-stamp authority does not answer.
        """
        tiny = simplejpeg.encode_jpeg(np.zeros((8, 8, 3), np.uint8), colorspace="RGB")
        try:
            signed = self.sign(tiny, "jpeg", tiny, "jpeg", ["jpeg"])
            with self._c2pa.Reader("image/jpeg", io.BytesIO(signed), context=self._context) as reader:
                state, results = reader.get_validation_state(), reader.get_validation_results()
        except (SigningError, self._c2pa.C2paError) as error:
            raise SigningKeyError(f"a trial signature failed: {error}") from None
        if state not in ("Valid", "Trusted"):
            failures = results.get("activeManifest", {}).get("failure", [])
            reasons = "; ".join(
                f"{failure['code']}: {failure.get('explanation', '')}"
                for failure in failures
                if failure["code"] != "signingCredential.untrusted"  # no trust anchor was given, so none is trusted
            )
            raise SigningKeyError(f"a trial signature is not valid: {reasons or state}")

    def close(self) -> None:
        """Frees c2pa's memory; the signer cannot be used afterwards."""
        self._signer.close()
        self._context.close()


def may_hold_manifest(encoded: bytes, format: str) -> bool:
    """Whether the image has a place where C2PA data may be; a look at the headers for JPEG, PNG and WebP.

    Where each format keeps them: C2PA specification, appendix "Embedding manifests".
    """
    try:
        if format == "jpeg":
            return any(segment.marker == _APP11 for segment in header_segments(encoded))
        if format == "png":
            return read_chunks(encoded).first(b"caBX") is not None
        if format == "webp":
            return any(name == b"C2PA" for name, _ in iter_chunks(encoded))
    except (CorruptDataError, TruncatedDataError):
        return False
    return b"c2pa" in encoded  # the label of every manifest store, uncompressed


def load_c2pa() -> Any:
    """The module `c2pa`.

    Raises:
        SigningUnavailableError: it is not installed.
    """
    try:
        return importlib.import_module("c2pa")
    except ModuleNotFoundError:
        raise SigningUnavailableError("signing needs the package c2pa-python") from None


def _ingredient(name: str, relationship: str, format: str) -> dict[str, str]:
    # a neutral title: file names are internal to the caller
    ingredient = {"title": name, "relationship": relationship, "instance_id": name, "label": name}
    return ingredient | ({"format": MIME_TYPES[format]} if format else {})
