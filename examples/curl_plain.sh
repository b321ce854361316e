#!/bin/sh
# Swaps faces with curl through the plain API (`faceswap serve --listen`, the container with MODE=serve or MODE=lb):
#   sh examples/curl_plain.sh me.jpg group.jpg swapped.jpg [http://127.0.0.1:8080]
# FACESWAP_TOKEN in the environment is sent as the bearer token. Options are form fields (docs/reference/options.md).
set -eu
[ $# -ge 3 ] || { echo "usage: $0 SOURCE TARGET OUT [URL]" >&2; exit 2; }
source=$1 target=$2 out=$3 url=${4:-http://127.0.0.1:8080}

# the token goes through standard input, where other users of the machine cannot read it
status=$(if [ -n "${FACESWAP_TOKEN:-}" ]; then printf 'header = "Authorization: Bearer %s"\n' "$FACESWAP_TOKEN"; fi |
    curl --silent --show-error --config - --form "source=@\"$source\"" --form "target=@\"$target\"" \
        --form output_format=jpeg --header "Accept: image/*" \
        --output "$out.part" --write-out '%{http_code}' "$url/swap")
if [ "$status" != 200 ]; then
    echo "HTTP $status: $(cat "$out.part")" >&2 # {"error": "CODE: message"}
    rm -f "$out.part"
    exit 1
fi
mv "$out.part" "$out"
echo "$out: $(($(wc -c < "$out"))) bytes"
