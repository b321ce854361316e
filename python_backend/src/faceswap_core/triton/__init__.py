"""Adapter to Triton's Python backend: alone imports `triton_python_backend_utils`; the three `TritonPythonModel`s."""
