from faceswap_core.triton.align_faces import TritonPythonModel  # noqa: F401  Triton looks the class up here
