"""The command line of tritonserver, argument by argument, for a bundled and a native one."""

from __future__ import annotations

from pathlib import Path

import pytest
from faceswap_server.triton.arguments import ServerArguments, server_arguments

CLOSED = "model-repository,shared-memory,trace,logging:sent-by\nNobody=a-key"


def arguments(backends: Path | None, *extra: str) -> list[str]:
    return server_arguments(
        ServerArguments(
            models=Path("/view/models"),
            backends=backends,
            ports=(18000, 18001, 18002),
            region_prefix="faceswap_7_ab_",
            closed_value="a-key",
            extra=extra,
        )
    )


def test_every_argument() -> None:
    assert arguments(Path("/view/backends"), "--model-config-name=cuda") == [
        "--model-repository=/view/models",
        "--model-control-mode=poll",
        "--repository-poll-secs=1",
        "--backend-directory=/view/backends",
        "--http-address=127.0.0.1",
        "--http-port=18000",
        "--grpc-address=127.0.0.1",
        "--grpc-port=18001",
        "--metrics-address=127.0.0.1",
        "--metrics-port=18002",
        f"--http-restricted-api={CLOSED}",
        f"--grpc-restricted-protocol={CLOSED}",
        "--disable-auto-complete-config",
        "--grpc-infer-allocation-pool-size=0",
        "--exit-timeout-secs=10",
        "--backend-config=python,shm-region-prefix-name=faceswap_7_ab_",
        "--model-config-name=cuda",
    ]


def test_a_server_that_knows_its_backends_is_not_told_of_any() -> None:
    told, untold = arguments(Path("/view/backends")), arguments(None)
    assert untold == [each for each in told if not each.startswith("--backend-directory")]


@pytest.mark.parametrize("name", ["http", "grpc", "metrics"])
def test_nothing_listens_beyond_loopback(name: str) -> None:
    assert [each for each in arguments(None) if each.startswith(f"--{name}-address=")] == [
        f"--{name}-address=127.0.0.1"
    ]
    assert not [each for each in arguments(None) if "0.0.0.0" in each]  # noqa: S104
