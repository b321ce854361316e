"""Names of models and of the tensors that callers send and receive."""

from __future__ import annotations

FACE_SWAP = "face_swap"
FACE_SWAP_IDENTITY = "face_swap_identity"
FACE_ANALYSIS = "face_analysis"
ENSEMBLES = (FACE_SWAP, FACE_ANALYSIS, FACE_SWAP_IDENTITY)
"""Public models: the only ones the HTTP server offers."""

DECODE_IMAGES = "decode_images"
ALIGN_FACES = "align_faces"
PASTE_FACES = "paste_faces"
STEPS = (DECODE_IMAGES, ALIGN_FACES, PASTE_FACES)
"""Python-backend steps."""

DETECTOR = "det_10g"
RECOGNISER = "w600k_r50"
IDENTITY_PROJECTION = "project_identity"
SWAPPER = "inswapper_128"
CONTENT_GATE = "content_gate"
FACE_NETWORKS = (DETECTOR, RECOGNISER, SWAPPER)
"""ONNX networks that look at faces: those that batch, and run on the GPU where there is one."""
PACK_NETWORKS = (DETECTOR, RECOGNISER, IDENTITY_PROJECTION, SWAPPER)
"""ONNX networks of a model pack."""
NETWORKS = (*PACK_NETWORKS, CONTENT_GATE)
"""All ONNX networks of the model repository."""

SOURCE_IMAGE = "SOURCE_IMAGE"
"""BYTES [S], S from 1 to MAX_SOURCES: encoded source images."""
TARGET_IMAGE = "TARGET_IMAGE"
"""BYTES [1]: the encoded target image."""
SOURCE_EMBEDDINGS = "SOURCE_EMBEDDINGS"
"""FP32 [S, EMBEDDING_SIZE]: identities in place of source images."""
TARGET_FRAME = "TARGET_FRAME"
"""UINT8 [H, W, 3] RGB: a decoded target in place of TARGET_IMAGE."""
IMAGE = "IMAGE"
"""BYTES [1]: the encoded image of an analysis."""
SWAPPED_IMAGE = "SWAPPED_IMAGE"
"""BYTES [1]: the encoded result."""
SWAPPED_FRAME = "SWAPPED_FRAME"
"""UINT8 [H, W, 3] RGB: the result for a TARGET_FRAME."""
FACES = "FACES"
"""BYTES [1]: JSON of every face found and what was swapped."""
EMBEDDINGS = "EMBEDDINGS"
"""FP32 [R, EMBEDDING_SIZE]: embeddings of the sources, or of the faces of an analysis."""
