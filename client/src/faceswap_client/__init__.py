"""Client of a faceswap-triton server.

from faceswap_client import Client

with Client("127.0.0.1:8001") as client:
    client.swap("me.jpg", "group.jpg").save("swapped.jpg")
"""

import typing as _typing

from faceswap_contract.version import __version__

from faceswap_client._async_client import AsyncClient
from faceswap_client._base import DEFAULT_TIMEOUT
from faceswap_client._client import Client
from faceswap_client._deprecated import renamed as _renamed
from faceswap_client._errors import (
    BadAnswer,
    ConnectionFailed,
    ContentRefused,
    DeadlineExceeded,
    FaceError,
    FaceSwapError,
    ImageError,
    OptionError,
    RequestCancelled,
    RequestError,
    ServerBusy,
    ServerError,
)
from faceswap_client._identity import Identity
from faceswap_client._results import (
    AnalysedFace,
    Analysis,
    Box,
    Face,
    Landmarks,
    Point,
    SourceFace,
    SwapResult,
    TargetFace,
)
from faceswap_client.images.drawing import draw_faces
from faceswap_client.images.inputs import ImageInput
from faceswap_client.transports.runpod import RunPodClient
from faceswap_client.transports.transport import AsyncTransport, Transport
from faceswap_client.wire.tensors import InferReply, InferRequest, Tensor

__all__ = [
    "DEFAULT_TIMEOUT",
    "AnalysedFace",
    "Analysis",
    "AsyncClient",
    "AsyncTransport",
    "BadAnswer",
    "Box",
    "Client",
    "ConnectionFailed",
    "ContentRefused",
    "DeadlineExceeded",
    "Face",
    "FaceError",
    "FaceSwapError",
    "Identity",
    "ImageError",
    "ImageInput",
    "InferReply",
    "InferRequest",
    "Landmarks",
    "OptionError",
    "Point",
    "RequestCancelled",
    "RequestError",
    "RunPodClient",
    "ServerBusy",
    "ServerError",
    "SourceFace",
    "SwapResult",
    "TargetFace",
    "Tensor",
    "Transport",
    "__version__",
    "draw_faces",
]


if not _typing.TYPE_CHECKING:  # a type checker is to know the names above and no others

    def __getattr__(name: str) -> object:
        return _renamed(__name__, name, __name__, {"Picture": "ImageInput"})
