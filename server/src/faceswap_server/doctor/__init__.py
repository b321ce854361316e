"""`faceswap debug`: a ladder of checks from the image to the RunPod endpoint, each with numbers and a remedy.

It climbs until a rung breaks and says what to change there; docs/deploy/runpod.md explains it. Nothing here is
imported by the worker.
"""
