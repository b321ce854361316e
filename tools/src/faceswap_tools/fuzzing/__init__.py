"""Fuzzing of every parser of untrusted input: `make fuzz`, FUZZ_SECONDS=60.

`targets` says what must hold for any bytes, `seeds` are small good inputs to begin with, `one_target` lets libFuzzer
(atheris) look for bytes that break a target in a separate process, `python -m faceswap_tools.fuzzing` runs them all.
"""
