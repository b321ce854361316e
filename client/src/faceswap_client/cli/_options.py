"""Options that more than one command has. Ranges are the server's; it checks them and says what is wrong."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

DEFAULT_SERVER = "127.0.0.1:8001"

Server: TypeAlias = Annotated[
    str,
    typer.Option(
        "--server",
        "-s",
        envvar="FACESWAP_SERVER",
        metavar="ADDRESS",
        help="The server: HOST:PORT for gRPC, http://HOST:PORT or https://HOST:PORT for HTTP. A "
        "token is taken from FACESWAP_TOKEN.",
    ),
]
Timeout: TypeAlias = Annotated[
    float,
    typer.Option("--timeout", min=0.001, metavar="SECONDS", help="Longest wait for the answer, above 0."),
]
MaxFaces: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-faces", metavar="N", show_default="64", help="1 to 64: of more faces only the largest are kept."
    ),
]
MinFaceSize: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--min-face-size",
        metavar="PIXELS",
        show_default="0",
        help="0 to 65535: faces whose box has a shorter side are left out.",
    ),
]
DetectionThreshold: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--detection-threshold",
        metavar="SCORE",
        show_default="0.5",
        help="0.05 to 1: the score from which a detection counts as a face.",
    ),
]
