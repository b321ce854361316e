"""The worker of a RunPod serverless container: `python -m faceswap_server.runpod`.

`worker` starts Triton on loopback and then either the RunPod SDK's job loop or, with `MODE=lb`, an HTTP server.
docs/deploy/runpod.md says how to deploy it. Nothing is imported here, so that a module can be used without the SDK.
"""
