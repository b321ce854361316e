# The worker of docs/deploy/runpod.md in a container.
#
#   docker build --build-arg PACK=offline -t NAME:TAG .                  Triton's own image, for GPUs; no weights needed
#   docker build --build-arg PACK=offline --target cpu -t NAME:TAG .     Debian and pip's Triton, for local development
#
# InsightFace's weights (non-commercial research only) go in when you accept their licence, never by default:
#   --build-arg PACK=buffalo_l --build-arg ACCEPT_INSIGHTFACE_LICENSE=yes
#   with --build-context originals=DIRECTORY      files you have, instead of a download from their official places
#   or   --secret id=originals_url,src=FILE       a zip archive at a private https address
# Nobody grants you the right to publish an image that holds them.
#
# --secret id=pip_conf,src=pip.conf: a package index of your own, for the build only.
# Every RUN is a script of deploy/container/, so that its text can be run anywhere; `make image-proof` does. Needs
# BuildKit (Docker 23 or newer) or Buildah.

# Triton 26.10 (CUDA 13.4). Its CUDA runs on any driver of branch R580 or newer: within
# CUDA 13 an older driver runs newer libraries ("minor version compatibility", NVIDIA's CUDA compatibility guide), and
# R580 is a long-term branch until June 2028. Rented GPUs say which CUDA their driver knows: allow 13.0 and newer
# (.runpod/hub.json). For hosts that stay on CUDA 12 (R570, R575) the last release is 25.07, which has the security
# vulnerabilities fixed since (NVIDIA bulletins of August 2025 and May 2026): prefer other hosts.
# Newer than 26.04 also because there the server's readiness sees a Python step that died.
ARG TRITON_RELEASE=26.10
# A digest pins the image, a tag does not: TRITON_FULL=nvcr.io/nvidia/tritonserver@sha256:... and TRITON_BASE likewise.
ARG TRITON_FULL=nvcr.io/nvidia/tritonserver:${TRITON_RELEASE}-py3
ARG TRITON_BASE=nvcr.io/nvidia/tritonserver:${TRITON_RELEASE}-py3-min
# Debian 12: its Python 3.11 has the shared library that pip's Triton is linked against.
ARG CPU_BASE=debian:12.15-slim
# The label's; a test compares it with faceswap_contract.version.
ARG VERSION=0.2.0


# --- Python packages for the CPU, and the model pack of both images ------------------------------------------------

# Replaced by --build-context originals=DIRECTORY.
FROM scratch AS originals

FROM ${CPU_BASE} AS cpu-packages
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/install_system.sh python3 python3-pip libpython3.11 ca-certificates
RUN --mount=type=bind,source=deploy/container,target=/container \
    --mount=type=bind,source=requirements,target=/requirements \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    sh /container/install_packages.sh /opt/faceswap/packages /requirements/image.txt /requirements/image-cpu.txt

FROM cpu-packages AS cpu-own
RUN --mount=type=bind,source=deploy/container,target=/container \
    --mount=type=bind,source=requirements,target=/requirements \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    sh /container/install_packages.sh /opt/builder /requirements/image-build.txt
COPY contract /source/contract
COPY python_backend /source/python_backend
COPY client /source/client
COPY model_packs /source/model_packs
COPY server /source/server
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/install_own.sh /opt/own /opt/builder /source client python_backend model_packs server

FROM cpu-own AS pack
WORKDIR /source
COPY model_repository model_repository
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/add_python_path.sh /opt/own /opt/faceswap/packages /opt/builder
ARG PACK=offline
ARG ACCEPT_INSIGHTFACE_LICENSE=no
RUN --mount=type=bind,source=deploy/container,target=/container \
    --mount=type=bind,from=originals,target=/originals \
    --mount=type=secret,id=originals_url \
    sh /container/prepare_pack.sh "${PACK}" "${ACCEPT_INSIGHTFACE_LICENSE}" /opt/faceswap/model_repository
# Proven before it is served: the real server loads it and swaps a face, here and now.
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/prove_pack.sh /opt/faceswap/model_repository


# --- CPU: Debian and pip's Triton (24.10, with known vulnerabilities: for local development, not for the internet) ---------

FROM ${CPU_BASE} AS cpu
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/install_system.sh python3 libpython3.11 ca-certificates tini \
    && sh /container/add_user.sh \
    && sh /container/add_python_path.sh /opt/faceswap/own /opt/faceswap/packages
COPY --from=cpu-packages /opt/faceswap/packages /opt/faceswap/packages
COPY --from=pack /opt/faceswap/model_repository /opt/faceswap/model_repository
COPY --from=pack /source/python_backend/backends /opt/faceswap/python_backend/backends
COPY --from=cpu-own /opt/own /opt/faceswap/own
COPY LICENSE /opt/faceswap/LICENSE
WORKDIR /opt/faceswap
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    FACESWAP_TRITON=bundled \
    FACESWAP_MODEL_REPOSITORY=/opt/faceswap/model_repository \
    FACESWAP_STATE_FILE=/tmp/faceswap-worker.json \
    MODE=queue \
    PORT=8000 \
    RUNPOD_LOG_LEVEL=INFO
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/list_compilers.sh
ARG PACK=offline
ARG VERSION
ARG REVISION=unknown
LABEL org.opencontainers.image.title="faceswap-triton" \
      org.opencontainers.image.description="Face swap behind NVIDIA Triton, CPU" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      faceswap.pack="${PACK}"
USER 1000:1000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=20s --start-period=5m --retries=3 \
    CMD ["python3", "-m", "faceswap_server.runpod.health"]
ENTRYPOINT ["/usr/bin/tini", "--", "python3", "-m", "faceswap_server.runpod"]


# --- GPU: Triton's own image, reduced to the server and two backends ------------------------------------------------

FROM ${TRITON_FULL} AS triton
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/gather_server.sh /opt/kept
# For this image's own Python (3.12 in 26.10). Its pip is the image's.
RUN --mount=type=bind,source=deploy/container,target=/container \
    --mount=type=bind,source=requirements,target=/requirements \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    sh /container/install_packages.sh /opt/packages /requirements/image.txt

FROM ${TRITON_BASE} AS gpu
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/install_system.sh python3 ca-certificates tini \
    && sh /container/add_user.sh \
    && sh /container/add_python_path.sh /opt/faceswap/own /opt/faceswap/packages
COPY --from=triton /opt/kept /opt/tritonserver
RUN --mount=type=bind,source=deploy/container,target=/container \
    --mount=type=bind,from=triton,target=/full \
    sh /container/add_missing_libraries.sh /full /opt/tritonserver
COPY --from=triton /opt/packages /opt/faceswap/packages
COPY --from=pack /opt/faceswap/model_repository /opt/faceswap/model_repository
COPY --from=cpu-own /opt/own /opt/faceswap/own
COPY LICENSE /opt/faceswap/LICENSE
WORKDIR /opt/faceswap
# The networks' configs for CUDA (model_repository/*/configs/cuda.pbtxt); "" runs them on the CPU.
ENV PATH=/opt/tritonserver/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    FACESWAP_TRITON=native \
    FACESWAP_TRITON_ARGUMENTS=--model-config-name=cuda \
    FACESWAP_MODEL_REPOSITORY=/opt/faceswap/model_repository \
    FACESWAP_STATE_FILE=/tmp/faceswap-worker.json \
    MODE=queue \
    PORT=8000 \
    RUNPOD_LOG_LEVEL=INFO
ARG PACK=offline
ARG VERSION
ARG REVISION=unknown
ARG TRITON_RELEASE
LABEL org.opencontainers.image.title="faceswap-triton" \
      org.opencontainers.image.description="Face swap behind NVIDIA Triton" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      faceswap.triton="${TRITON_RELEASE}" \
      faceswap.pack="${PACK}"
USER 1000:1000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=20s --start-period=10m --retries=3 \
    CMD ["python3", "-m", "faceswap_server.runpod.health"]
ENTRYPOINT ["/usr/bin/tini", "--", "python3", "-m", "faceswap_server.runpod"]
