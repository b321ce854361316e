#!/bin/sh
# Checks the types of route.ts and runs its tests. Prints why and exits with 0 where Node.js 20.3 or npm is absent.
set -eu
cd "$(dirname "$0")"
for tool in node npm; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "client/typescript: skipped, $tool is not installed"
    exit 0
  fi
done
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 3) ? 0 : 1)'; then
  echo "client/typescript: skipped, Node.js $(node --version) is older than 20.3"
  exit 0
fi
if ! cmp -s package-lock.json node_modules/.installed-from; then
  npm ci --silent --no-audit --no-fund
  cp package-lock.json node_modules/.installed-from
fi
rm -rf build
npm --silent test
