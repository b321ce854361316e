#!/bin/sh
# Prepares a model pack and lays it out with the configs and steps of the current directory's model_repository/:
# prepare_pack.sh PACK ACCEPTED REPOSITORY
#   offline                  built from the locked packages, no weights
#   buffalo_l, buffalo_s     InsightFace's, only with ACCEPTED=yes: from /originals if it holds files, from the archive
#                            whose address is in /run/secrets/originals_url if there is one, else from their official
#                            places; in each case only files with the published sha256 are taken, and every prepared
#                            network is compared with the untouched one
set -eu
pack=$1
accepted=$2
repository=${3:-}
secret=/run/secrets/originals_url
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

case $pack in
offline)
    python3 -m faceswap_models.packs offline --output "$repository"
    exit 0
    ;;
buffalo_l | buffalo_s) ;;
*)
    echo "PACK=$pack: offline, buffalo_l or buffalo_s" >&2
    exit 2
    ;;
esac

if [ "$accepted" != yes ]; then
    # without --accept-license it prints the notice and ends with 3
    python3 -m faceswap_models.insightface --output "$scratch/none" --pack "$pack" || true
    echo "PACK=$pack needs --build-arg ACCEPT_INSIGHTFACE_LICENSE=yes: the text above says to what you agree" >&2
    exit 3
fi
from=
if [ -n "$(ls -A /originals 2>/dev/null)" ]; then
    from=/originals
elif [ -s "$secret" ]; then
    mkdir "$scratch/originals"
    python3 /container/fetch_originals.py "$secret" "$scratch/originals"
    from=$scratch/originals
fi
python3 -m faceswap_models.insightface --accept-license --pack "$pack" --output ".packs/$pack" \
    --downloads "$scratch/downloads" ${from:+--from "$from"}
python3 -m faceswap_models.packs "$pack" --output "$repository"
