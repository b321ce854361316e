#!/bin/sh
# Proves a model repository that is laid out: the real server (pip's) loads it and swaps a face: prove_pack.sh REPOSITORY
set -eu
FACESWAP_MODEL_REPOSITORY=$1 python3 -m faceswap_server.doctor --checks pack,server,swap
