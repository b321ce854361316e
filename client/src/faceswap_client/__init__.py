"""Client of a faceswap-triton server.

from faceswap_client import Client

with Client("127.0.0.1:8001") as client:
    client.swap("me.jpg", "group.jpg").save("swapped.jpg")
"""

from faceswap_client._async_client import AsyncClient
from faceswap_client._client import DEFAULT_TIMEOUT, Client
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
from faceswap_client._inference import InferReply, InferRequest, Tensor
from faceswap_client._pictures import Picture
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
from faceswap_client._runpod import RunPodClient
from faceswap_client._transport import AsyncTransport, Transport
from faceswap_client.drawing import draw_faces

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
    "InferReply",
    "InferRequest",
    "Landmarks",
    "OptionError",
    "Picture",
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
    "draw_faces",
]
