#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Repeats the tests of label stress, each round with other seeds and on other numbers of workers, until time is over or one fails.
# usage: tests/stress.sh [MINUTES [PRESET [CTEST ARGUMENT...]]]    10 minutes of preset dev by default; chaos pauses before atomic
# operations; tsan and asan look closer. SEED=N begins with what that round printed, and so repeats its numbers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=${1:-10}
preset=${2:-dev}
end=$((SECONDS + minutes * 60))
if [[ $preset == chaos* ]]; then export WEFT_TEST_SCALE=${WEFT_TEST_SCALE:-0.2}; fi

cmake --preset "$preset" -DWEFT_TEST_TIMEOUT=3600 >/dev/null
cmake --build --preset "$preset"
for ((round = 1; round == 1 || SECONDS < end; ++round)); do
    seed=${SEED:-$(((RANDOM << 30) + (RANDOM << 15) + RANDOM + 1))}
    unset SEED
    export WEFT_TEST_SEED=$seed WEFT_TEST_WORKERS=$((16 + seed % 49))
    if [[ $preset == chaos* ]]; then export WEFT_CHAOS=$seed; fi
    echo "== round $round: SEED=$seed, up to $WEFT_TEST_WORKERS workers"
    if ! ctest --preset "$preset" -L stress --stop-on-failure --progress "${@:3}"; then
        echo "== to repeat: SEED=$seed tests/stress.sh 0 $preset ${*:3}" >&2
        exit 1
    fi
done
echo "== $((round - 1)) rounds, nothing failed"
