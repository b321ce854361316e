#!/bin/sh
# Proves the pack in the model repository of the current directory: the real server (pip's) loads it and swaps a face.
set -eu
python3 -m faceswap_server.doctor --rungs pack,server,swap
