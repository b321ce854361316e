from faceswap_core.triton.decode_images import TritonPythonModel  # noqa: F401  Triton looks the class up here
