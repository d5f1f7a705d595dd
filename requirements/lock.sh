#!/bin/sh
# Makes every lock anew from pyproject.toml: with hashes, without registry addresses.
set -eu
cd "$(dirname "$0")/.."
compile() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate pyproject.toml "$@"
}
compile --output-file requirements/core.lock
compile --extra build --extra postgresql --output-file requirements/run.lock
compile --extra build --extra postgresql --extra demo --output-file requirements/demo.lock
compile --extra build --extra postgresql --extra dev --output-file requirements/dev.lock
