"""Contract of faceswap-triton: options, error codes, limits, names, exit codes and environment variables.

Every package imports from here and nothing here imports another package; standard library only. Each table stands
once: clients, command line, RunPod job, OpenAPI, TypeScript and the reference pages are built from it.
"""
