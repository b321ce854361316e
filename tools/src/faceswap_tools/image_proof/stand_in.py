"""Images shaped like Triton's own, for the steps of the Dockerfile's gpu target: Debian with pip's Triton laid out as
/opt/tritonserver. What they cannot stand for: CUDA, the native onnxruntime backend, Python 3.12, NVIDIA's base.
"""

from __future__ import annotations

from pathlib import Path

from faceswap_tools.image_proof.builder import Builder
from faceswap_tools.image_proof.pip_settings import PipSettings

FULL, MINIMAL = "localhost/faceswap-proof-triton", "localhost/faceswap-proof-triton-min"
ENVIRONMENT = {"FACESWAP_TRITON_ARGUMENTS": ""}
"""The networks' default configs: there is no card for the CUDA ones."""

_DOCKERFILE = """
ARG BASE
FROM ${BASE} AS full
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/install_system.sh python3 python3-pip libpython3.11 ca-certificates
RUN --mount=type=bind,source=deploy/container,target=/container \
    --mount=type=bind,source=requirements,target=/requirements \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    sh /container/install_packages.sh /opt/bundled /requirements/image-cpu.txt
COPY python_backend/backends/onnxruntime /opt/tritonserver/backends/onnxruntime
RUN cp -a /opt/bundled/pytriton/tritonserver/bin /opt/tritonserver/bin \
    && chmod 755 /opt/tritonserver/bin/tritonserver \
    && cp -a /opt/bundled/pytriton/tritonserver/backends/python /opt/tritonserver/backends/python \
    && cp /opt/bundled/pytriton/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub \
        /opt/tritonserver/backends/python/ \
    && chmod 755 /opt/tritonserver/backends/python/triton_python_backend_stub \
    && mkdir /opt/tritonserver/lib /opt/tritonserver/backends/other \
    && echo 2.51.0 > /opt/tritonserver/TRITON_VERSION \
    && echo /opt/bundled/nvidia_pytriton.libs > /etc/ld.so.conf.d/triton.conf && ldconfig
FROM ${BASE} AS minimal
COPY --from=full /opt/bundled/onnxruntime /usr/local/lib/python3.11/dist-packages/onnxruntime
"""


def build(builder: Builder, base: str, scratch: Path, pip: PipSettings, log: Path) -> tuple[str, str]:
    """Names of the full and the minimal image."""
    dockerfile = scratch / "Dockerfile.stand-in"
    dockerfile.write_text(_DOCKERFILE)
    for target, tag in (("full", FULL), ("minimal", MINIMAL)):
        builder.build(target, tag, {"BASE": base}, pip, log, dockerfile=dockerfile)
    return FULL, MINIMAL
