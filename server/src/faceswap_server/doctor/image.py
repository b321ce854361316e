"""Check `image`: the service's own decoder reads the image, within the service's own limits."""

from __future__ import annotations

from faceswap_contract.errors import ERRORS
from faceswap_core.codecs.decoding import decode_image
from faceswap_core.codecs.header import inspect_image
from faceswap_core.errors import FaceSwapError
from faceswap_core.limits import limits_from_environment
from pydantic import ValidationError

from faceswap_server.doctor.check import Result, broken, ok
from faceswap_server.doctor.context import Context


def check_image(context: Context) -> Result:
    """Decodes the whole image, as the server would."""
    name = str(context.image_file or "the built-in image")
    try:
        data = context.image()
    except OSError as error:
        return broken(f"{name} cannot be read: {error.strerror}", "name a file that exists and may be read")
    try:
        limits = limits_from_environment()
    except ValidationError as error:
        first = error.errors()[0]
        variable = f"FACESWAP_{first['loc'][0]}".upper()
        return broken(f"{variable} is not allowed: {first['msg']}", "correct the variable, or unset it")
    try:
        header = inspect_image(data, name, limits)
        decoded = decode_image(data, header, name)
    except FaceSwapError as error:
        fact = ERRORS.get(error.code)
        return broken(str(error), fact.for_jobs if fact else "send another image", bytes=len(data))
    height, width = decoded.rgb.shape[:2]
    said = f"{name}: {header.format.value}, {width}x{height}, {len(data)} bytes (at most {limits.max_image_bytes})"
    return ok(said, format=header.format.value, width=width, height=height, bytes=len(data))
