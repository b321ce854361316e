"""Marks on a swapped image: visible label, XMP mark in the metadata, C2PA signature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap_core.codecs.displayed_colours import UnusableProfileError, display_transforms
from faceswap_core.errors import InternalError, SigningFailed
from faceswap_core.options import Label, Options
from faceswap_core.provenance.audit.records import SignState
from faceswap_core.provenance.c2pa.signing import ManifestSigner, SigningError
from faceswap_core.provenance.visible_label import draw_label, label_shows
from faceswap_core.provenance.xmp.mark import MarkedFormat, mark_as_synthetic
from faceswap_core.provenance.xmp.read_back import UnmarkedResultError, check_mark
from faceswap_core.types import RgbImage

FORCED_SIZE: float = Options.model_fields["label_size"].default
"""Where a deployment forces the label, a request may make it larger than this and not smaller."""

_ROWS_AT_ONCE = 256


class ResultMarks:
    """Marks results. The mark in the metadata is always written.

    Args:
        signer: signs every result, or None.
        forced_label: the corner that gets a label when a request asks for none; `Label.OFF` forces nothing.
    """

    def __init__(self, signer: ManifestSigner | None = None, forced_label: Label = Label.OFF) -> None:
        self._signer = signer
        self._forced = forced_label

    @property
    def sign_state(self) -> SignState:
        """`signed` of the audit line of a result that was marked here."""
        return "off" if self._signer is None else "signed"

    def label(self, options: Options) -> Label:
        """The corner a swap of these options is labelled in, or `Label.OFF`."""
        return self._forced if options.label is Label.OFF else options.label

    def draw(
        self, image: RgbImage, alpha: NDArray[np.uint8] | None, options: Options, profile: bytes | None = None
    ) -> tuple[NDArray[np.uint8] | None, bytes | None]:
        """Draws the label, if there is one, into `image`, so that it is seen when the image is displayed.

        Args:
            image: uint8 RGB [H, W, 3], written to.
            alpha: uint8 [H, W], or None; never written to.
            profile: the image's RGB profile, or None.

        Returns:
            The alpha channel to encode: opaque under the label, which a transparent corner would hide. The profile to
            encode: None where the label would not show through it; the image has been converted to sRGB then.
        """
        corner = self.label(options)
        if corner is Label.OFF:
            return alpha, profile
        if profile is not None and not _show_label(image, profile):
            profile = None
        share = options.label_size if self._forced is Label.OFF else max(options.label_size, FORCED_SIZE)
        box = draw_label(image, corner=corner.value, share=share)
        if alpha is None:
            return None, profile
        opaque = alpha.copy()
        opaque[box.top : box.bottom, box.left : box.right] = 255
        return opaque, profile

    def seal(
        self, encoded: bytes, format: MarkedFormat, target: bytes, target_format: str, source_formats: Sequence[str]
    ) -> bytes:
        """The encoded result with its mark, and signed when there is a key.

        Args:
            encoded: the result.
            format: its format.
            target: the encoded target as it was sent: its manifest becomes the history. Nothing of its XMP is kept.
            target_format: an `ImageFormat` value.
            source_formats: `ImageFormat` values, in request order.

        Raises:
            SigningFailed: a result that could not be signed is not handed out.
            InternalError: nor is one whose mark cannot be read back.
        """
        sealed = mark_as_synthetic(encoded, format)
        try:
            if self._signer is not None:
                sealed = self._signer.sign(sealed, format, target, target_format, source_formats)
            check_mark(sealed)
        except SigningError as error:
            raise SigningFailed("the result could not be signed; try again later") from error
        except UnmarkedResultError as error:
            raise InternalError(f"the result is not marked as synthetic: {error}") from None
        return sealed


def _show_label(image: RgbImage, profile: bytes) -> bool:
    """Whether a label shows through the profile, however it is read; if not, `image` is converted to sRGB in place."""
    try:
        transforms = display_transforms(profile)
        if all(label_shows(transform) for transform in transforms):
            return True
        for top in range(0, len(image), _ROWS_AT_ONCE):
            rows = slice(top, top + _ROWS_AT_ONCE)
            image[rows] = transforms[0](image[rows])
    except UnusableProfileError:
        pass  # its colours cannot be interpreted; the image keeps the values that it has
    return False
