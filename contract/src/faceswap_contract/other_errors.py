"""Error codes outside Triton: the HTTP server, the RunPod worker, the Python client and the TypeScript route."""

from __future__ import annotations

from faceswap_contract.error_fact import ErrorFact, Family, Origin

_HTTP = (Origin.HTTP,)
_WORKER = (Origin.WORKER,)
_CLIENT = (Origin.CLIENT,)
_ROUTE = (Origin.ROUTE,)


def _fact(
    code: str, family: Family, origins: tuple[Origin, ...], http_status: int, meaning: str, remedy: str
) -> ErrorFact:
    return ErrorFact(code, family, origins, None, http_status, meaning, remedy)


_HTTP_ERRORS = (
    _fact(
        "BAD_REQUEST",
        Family.REQUEST,
        _HTTP,
        400,
        "The request is not one the service takes: headers, JSON, a model that is not public.",
        "Correct the request; the message says what is wrong with it.",
    ),
    _fact(
        "UNAUTHORIZED",
        Family.REQUEST,
        (Origin.HTTP, Origin.CLIENT),
        401,
        "The bearer token or API key is missing or wrong.",
        "Send `Authorization: Bearer TOKEN`; the command line takes the token from `FACESWAP_TOKEN`.",
    ),
    _fact(
        "NOT_FOUND",
        Family.REQUEST,
        (Origin.HTTP, Origin.CLIENT),
        404,
        "There is no such path, model, endpoint or job.",
        "Correct the address.",
    ),
    _fact(
        "METHOD_NOT_ALLOWED", Family.REQUEST, _HTTP, 405, "The path exists, not with this method.", "Use GET or POST."
    ),
    _fact(
        "SLOW_REQUEST",
        Family.REQUEST,
        _HTTP,
        408,
        "The request's headers or body took too long to arrive.",
        "Send it again over a faster connection, or raise `FACESWAP_FRONT_BODY_SECONDS` or "
        "`FACESWAP_FRONT_IDLE_SECONDS`.",
    ),
    _fact(
        "BODY_TOO_LARGE",
        Family.REQUEST,
        (Origin.HTTP, Origin.WORKER, Origin.CLIENT, Origin.ROUTE),
        413,
        "The request's body is larger than the server or the platform takes.",
        "Send less in one request: smaller images, or fewer.",
    ),
    _fact(
        "COMPRESSED_BODY",
        Family.REQUEST,
        _HTTP,
        415,
        "The body has a Content-Encoding; compressed bodies are not read.",
        "Send the body without compression.",
    ),
    _fact(
        "UNSUPPORTED_MEDIA_TYPE",
        Family.REQUEST,
        _ROUTE,
        415,
        "The request is not application/json.",
        "Send JSON with `Content-Type: application/json`.",
    ),
)

_JOB_ERRORS = (
    _fact(
        "BAD_INPUT",
        Family.REQUEST,
        (Origin.WORKER, Origin.ROUTE),
        400,
        "A field of `input` is missing or of the wrong type.",
        "The message says which field of `input` is missing or of the wrong type.",
    ),
    _fact(
        "BAD_BASE64",
        Family.IMAGE,
        (Origin.WORKER, Origin.ROUTE),
        400,
        "An image's text is not standard base64.",
        "Encode the image's bytes as standard base64, or send an https URL.",
    ),
    _fact(
        "INVALID_URL",
        Family.IMAGE,
        _WORKER,
        400,
        "The URL cannot be read: a host name or port that cannot exist, characters that no URL has.",
        "Correct the URL.",
    ),
    _fact(
        "DOWNLOAD_REFUSED",
        Family.IMAGE,
        (Origin.WORKER, Origin.ROUTE),
        400,
        "The URL is not one that is downloaded.",
        "Use an https URL on the public internet, without redirects to anywhere else.",
    ),
    _fact(
        "DOWNLOAD_FAILED",
        Family.IMAGE,
        _WORKER,
        422,
        "The image could not be downloaded.",
        "Check that the URL answers 200 with the image, fast enough and uncompressed.",
    ),
    _fact(
        "BAD_S3_CONFIG",
        Family.REQUEST,
        _WORKER,
        400,
        "The job's `s3Config` cannot be used.",
        "Send s3Config with accessId, accessSecret, bucketName and a public endpointUrl.",
    ),
    _fact(
        "UPLOAD_FAILED",
        Family.SERVER,
        _WORKER,
        502,
        "The bucket did not take the result.",
        "Check the bucket's name, its keys and that they may write and read.",
    ),
    _fact(
        "OUTPUT_TOO_LARGE",
        Family.REQUEST,
        _WORKER,
        422,
        "The result is larger than the platform's limit for answers.",
        "Set allow_reencode, ask for jpeg or webp, send s3Config, or use fewer targets.",
    ),
    _fact(
        "SERVER_UNAVAILABLE",
        Family.SERVER,
        _WORKER,
        503,
        "The server behind the worker does not answer.",
        "The server behind the worker could not be started again; send the job again.",
    ),
    _fact(
        "BAD_ANSWER",
        Family.BAD_ANSWER,
        (Origin.WORKER, Origin.CLIENT, Origin.ROUTE),
        502,
        "The answer is not one that a faceswap server gives: cut short, or from another program or version.",
        "Check the address; client and models of different versions: build the image again.",
    ),
)

_CLIENT_ERRORS = (
    _fact(
        "CONNECTION_FAILED",
        Family.CONNECTION,
        (Origin.CLIENT, Origin.ROUTE),
        502,
        "The server cannot be reached, or the connection broke.",
        "Check the address and that the server runs.",
    ),
    _fact(
        "CLIENT_CLOSED",
        Family.CONNECTION,
        _CLIENT,
        500,
        "A call on a client that was closed.",
        "Make the call inside the client's `with` block, or open another client.",
    ),
    _fact(
        "NOT_OFFERED",
        Family.REQUEST,
        _CLIENT,
        400,
        "A RunPod endpoint does not offer this call.",
        "Call a server, or send the source's image instead of an identity.",
    ),
    _fact(
        "IMAGE_ERROR",
        Family.IMAGE,
        _CLIENT,
        400,
        "An image cannot be used, and the server named no code.",
        "The message says why.",
    ),
    _fact(
        "OPTION_ERROR",
        Family.OPTION,
        _CLIENT,
        400,
        "An option cannot be used, and the server named no code.",
        "The message says why.",
    ),
    _fact(
        "REQUEST_REFUSED",
        Family.REQUEST,
        _CLIENT,
        400,
        "The server refuses the request and named no code: Triton's own refusal of a wrong datatype, shape or size.",
        "The message holds the server's words.",
    ),
    _fact(
        "FACE_ERROR",
        Family.FACE,
        _CLIENT,
        422,
        "The faces asked for are not there, and the server named no code.",
        "The message says why.",
    ),
    _fact(
        "SERVER_ERROR",
        Family.SERVER,
        _CLIENT,
        500,
        "The server failed and named no code.",
        "Look into the server's log under the request id.",
    ),
    _fact(
        "FACESWAP_ERROR",
        Family.SERVER,
        _CLIENT,
        500,
        "Base class of the client's errors; no call ends in it.",
        "Report it.",
    ),
)

_PLATFORM_ERRORS = (
    _fact(
        "TIMED_OUT",
        Family.DEADLINE,
        (Origin.CLIENT, Origin.ROUTE),
        504,
        "The job ran out of its time on the platform.",
        "Send a smaller image, or raise the endpoint's execution timeout.",
    ),
    _fact(
        "NO_OUTPUT",
        Family.BAD_ANSWER,
        (Origin.CLIENT, Origin.ROUTE),
        502,
        "The job completed without a result: it was larger than the platform lets through.",
        "Ask for jpeg, a lower quality or fewer targets.",
    ),
    _fact(
        "WORKER_FAILED",
        Family.SERVER,
        (Origin.CLIENT, Origin.ROUTE),
        502,
        "The worker failed without a code.",
        "The worker's log has the details under the job's id.",
    ),
    _fact(
        "PLATFORM_ERROR",
        Family.SERVER,
        (Origin.CLIENT, Origin.ROUTE),
        502,
        "RunPod answered with a status of 5xx.",
        "Send the job again later.",
    ),
    _fact(
        "ENDPOINT_REFUSED",
        Family.SERVER,
        _ROUTE,
        502,
        "RunPod refuses the request: a wrong key or endpoint.",
        "Check `RUNPOD_API_KEY` and `RUNPOD_ENDPOINT_ID`.",
    ),
    _fact(
        "JOB_LOST",
        Family.SERVER,
        _ROUTE,
        502,
        "RunPod no longer has the job or its result.",
        "Send the job again.",
    ),
    _fact(
        "NOT_CONFIGURED",
        Family.SERVER,
        _ROUTE,
        500,
        "The site that runs the route has not set its variables.",
        "Set `RUNPOD_API_KEY` and `RUNPOD_ENDPOINT_ID`; the site's log says which is missing.",
    ),
)

OTHER_ERRORS = (*_HTTP_ERRORS, *_JOB_ERRORS, *_CLIENT_ERRORS, *_PLATFORM_ERRORS)
