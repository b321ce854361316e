"""InsightFace packs: downloads InsightFace's networks after their licence is accepted, and converts them for serving.

python -m faceswap_models.insightface --accept-license --output DIRECTORY
"""

from faceswap_models.insightface.download import (
    DownloadError,
    DownloadLimits,
    download_file,
)
from faceswap_models.insightface.originals import (
    MissingOriginalsError,
    WrongFileError,
    extract_archive,
    find_originals,
)
from faceswap_models.insightface.prepare import (
    PREPARED_FILES,
    OutputOccupiedError,
    prepare_insightface_pack,
)
from faceswap_models.insightface.sources import (
    LICENCE_NOTICE,
    PACKS,
    Archive,
    OriginalFile,
    Pack,
)

__all__ = [
    "LICENCE_NOTICE",
    "PACKS",
    "PREPARED_FILES",
    "Archive",
    "DownloadError",
    "DownloadLimits",
    "MissingOriginalsError",
    "OriginalFile",
    "OutputOccupiedError",
    "Pack",
    "WrongFileError",
    "download_file",
    "extract_archive",
    "find_originals",
    "prepare_insightface_pack",
]
