"""Limits and sizes that more than one package uses. Units are in the names or beside the values."""

from __future__ import annotations

MAX_FACES = 64
"""Most faces of one image; the swapper's `max_batch_size` is the same, because one request is one batch."""

MAX_SOURCES = 8
"""Most source images or identities of one request."""

MAX_TARGETS = 64
"""Most target images of one job (`FACESWAP_MAX_TARGETS` at its highest)."""

HIGHEST_INDEX = 4095
"""Highest index of a face."""

LONGEST_LIST = 512
"""Characters of a list of indexes: 64 four-digit numbers with commas and blanks fit."""

MAX_SIDE = 65535
"""Longest side in pixels that an option may name."""

EMBEDDING_SIZE = 512
"""Numbers of an ArcFace embedding (float32) and of the swapper's latent."""

DETECTOR_SIZE = 640
"""Side of the detector's square input, pixels."""

RECOGNITION_SIZE = 112
"""Side of the recogniser's square crop, pixels."""

SWAP_SIZE = 128
"""Side of inswapper_128's square crop, pixels."""

MAX_IMAGE_BYTES = 25 * 2**20
"""Default of `FACESWAP_MAX_IMAGE_BYTES`: encoded bytes of one image."""

MAX_IMAGE_PIXELS = 50_000_000
"""Default of `FACESWAP_MAX_IMAGE_PIXELS`: width times height of one image."""

MAX_IMAGE_SIDE = 30_000
"""Default of `FACESWAP_MAX_IMAGE_SIDE`: longer side of one image, pixels."""

HTTP_PORT, GRPC_PORT, METRICS_PORT = 8000, 8001, 8002
"""Default ports of a local server."""
