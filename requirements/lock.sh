#!/bin/sh
# Makes every lock anew from pyproject.toml: with hashes, without registry addresses.
set -eu
cd "$(dirname "$0")/.."
compile() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate pyproject.toml "$@"
}
probes="--extra postgresql --extra dicom --extra modbus --extra devices --extra build"
compile --output-file requirements/core.lock
# shellcheck disable=SC2086 -- a list of options
compile $probes --output-file requirements/run.lock
# shellcheck disable=SC2086
compile $probes --extra demo --output-file requirements/demo.lock
# shellcheck disable=SC2086
compile $probes --extra dev --output-file requirements/dev.lock
