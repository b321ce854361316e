"""`faceswap doctor`: checks from the image to the RunPod endpoint, each with numbers and a remedy.

It stops at the first check that fails and prints a remedy; docs/deploy/runpod.md explains it. The worker
imports nothing of this package.
"""
