"""Version of every package of faceswap-triton. It is written here and nowhere else; builds read this file."""

__version__ = "0.2.0"
