"""Decoded frames: what a request holds, and the shared memory in which they pass from step to step."""
