"""Responsible use: marks on results (XMP, C2PA, visible label), audit lines, and the content gate.

No module here knows Triton. `c2pa` and `cryptography` are imported only where they are used.
"""
