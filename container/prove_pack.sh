#!/bin/sh
# Proves the pack in the model repository of the current directory: the real server (pip's) loads it and swaps a face.
set -eu
python3 -m faceswap_tools.debugging --rungs pack,server,swap
