"""Fakes for tests and local development: RunPod's API, Triton's Python backend, a stub model repository."""
