"""Truncated images."""

from __future__ import annotations

from collections.abc import Iterator

from faceswap_tools.adversarial.images import CUT, OK, AdversarialImage, good_images


def truncations() -> Iterator[AdversarialImage]:
    """Every good image cut at shares of its length, and within its header."""
    for kind, data in good_images().items():
        for share in (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98):
            cut = max(int(len(data) * share), 40)
            # a TIFF's directory is at the start as Pillow writes it, at the end as libtiff does: either way it is cut
            yield AdversarialImage(f"{kind} cut at {share}", data[:cut], CUT)
    for kind, heads in {
        "jpeg": (3, 4, 6, 20, 200),
        "png": (8, 12, 20, 32),
        "webp": (12, 15, 20, 24),
        "tiff": (4, 7, 8, 9),
        "bmp": (2, 10, 17, 20),
        "gif": (6, 8, 12, 13, 40),
    }.items():
        for cut in heads:
            yield AdversarialImage(f"{kind} head of {cut}", good_images()[kind][:cut], CUT)
    yield AdversarialImage("jpeg without its end marker", good_images()["jpeg"][:-2], CUT)
    yield AdversarialImage("png without its end chunk", good_images()["png"][:-12], CUT)
    yield AdversarialImage("gif without its trailer", good_images()["gif"][:-1], OK)
    for kind, data in good_images().items():
        for missing in (1, 3, 20):
            if (kind, missing) != ("gif", 1):  # the trailer, see above
                yield AdversarialImage(f"{kind} without its last {missing} bytes", data[:-missing], CUT)
