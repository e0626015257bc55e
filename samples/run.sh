#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the samples (preset release, in build/release) and runs them, all or those named. On Debian and Ubuntu it installs what is
# missing.
# usage: samples/run.sh [NAME...]      for instance samples/run.sh 03_gather
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/packages.sh

names=("$@")
if [[ ${#names[@]} == 0 ]]; then
    for source in samples/[0-9]*.cpp; do names+=("$(basename "$source" .cpp)"); done
fi
for name in "${names[@]}"; do
    [[ -e samples/$name.cpp ]] || { echo "There is no sample '$name'. There are:" samples/[0-9]*.cpp >&2; exit 2; }
done

need_packages g++ cmake ninja-build libtbb-dev libpng-dev
echo "== configuring build/release"
cmake --preset release -DWEFT_BUILD_TESTS=OFF -DWEFT_BUILD_BENCHMARKS=OFF ${CXX:+--fresh "-DCMAKE_CXX_COMPILER=$CXX"}
echo "== building"
cmake --build --preset release -j "$(processors)"

cd build/release/samples  # what a sample writes lands beside it
failed=()
for name in "${names[@]}"; do
    printf '\n== %s\n' "$name"
    code=0
    "./$name" || code=$?
    if [[ $code != 0 ]]; then
        echo "== $name failed with exit code $code" >&2
        failed+=("$name")
    fi
done

printf '\nThe programs are in %s\n' "$PWD"
[[ ${#failed[@]} == 0 ]] || { echo "Failed: ${failed[*]}" >&2; exit 1; }
