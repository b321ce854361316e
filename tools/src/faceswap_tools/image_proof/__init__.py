"""`make image-proof`: the Dockerfile built and its image run on a machine without a Docker engine.

Buildah reads the real Dockerfile and runs its steps in chroots; the base images are a clean Debian root made here
(mmdebstrap), because this needs no image registry. The image's entry point then runs in new namespaces, as the
image's user, with a read-only root. It needs root on Debian or Ubuntu with buildah, podman and mmdebstrap.
"""
