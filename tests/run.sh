#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds weft with all its tests (preset dev, in build/dev) and runs them. On Debian and Ubuntu it installs what is missing.
# usage: tests/run.sh [CTEST ARGUMENT...]      for instance tests/run.sh -R gather, or CXX=clang++-19 tests/run.sh -L unit
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/packages.sh

need_packages g++ cmake ninja-build pkg-config libtbb-dev libpng-dev catch2 libboost-context-dev spin
echo "== configuring build/dev"
cmake --preset dev ${CXX:+--fresh "-DCMAKE_CXX_COMPILER=$CXX"}
echo "== building"
cmake --build --preset dev -j "$(processors)"
echo "== testing"
# Tests sleep now and then: one more than there are processors.
ctest --preset dev --output-on-failure -j $(($(processors) + 1)) "$@"
