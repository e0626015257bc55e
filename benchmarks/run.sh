#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the benchmarks (preset release) and runs them: each fork-join workload by weft, by oneTBB and serially, repetitions
# alternating at random, then what is measured of weft alone (micro). Prints one table of medians; build/release/benchmarks has it
# as table.txt, and all that was measured as *.json. On Debian and Ubuntu it installs what is missing.
# usage: benchmarks/run.sh [--quick] [fib|skynet|nqueens|matmul|micro ...]      all of them where none is named
#   --quick                    one short repetition: shows that everything works; the times mean little
#   CXX=clang++-19             another compiler, in a build folder of its own (build/release-clang++-19)
#   WEFT_BENCHMARK_THREADS     worker counts, for instance "1 2 16"; else 1, 2, 4, ... and all processors
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/packages.sh

usage() { sed -n '3,9s/^# \?//p' benchmarks/run.sh; }
timing=(--benchmark_repetitions=5 --benchmark_enable_random_interleaving=true)
biggest_fib=36
workloads=()
for argument in "$@"; do
    case $argument in
        --quick) timing=(--benchmark_min_time=0.01) biggest_fib=30 ;;
        fib | skynet | nqueens | matmul | micro) workloads+=("$argument") ;;
        -h | --help) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
done
[[ ${#workloads[@]} -gt 0 ]] || workloads=(fib skynet nqueens matmul micro)

need_packages g++ cmake ninja-build libtbb-dev libbenchmark-dev
build=build/release${CXX:+-$(basename "$CXX")}
echo "== configuring $build"
cmake --preset release -B "$build" -DWEFT_BUILD_TESTS=OFF -DWEFT_BUILD_SAMPLES=OFF ${CXX:+"-DCMAKE_CXX_COMPILER=$CXX"}
echo "== building"
cmake --build "$build" -j "$(processors)" --target "${workloads[@]}"

results=$build/benchmarks
measured=()
# measure WORKLOAD FILTER FILE [OPTION...]: in a process of its own; what it prints is shown only when it fails.
measure() {
    local workload=$1 filter=$2 file=$results/$3
    shift 3
    "$results/$workload" --benchmark_filter="$filter" --benchmark_out="$file" --benchmark_out_format=json "$@" \
        >"$file.log" 2>&1 || { cat "$file.log" >&2; echo "$workload failed" >&2; exit 1; }
    rm "$file.log"
    measured+=("$file")
}
names() { "$results/$1" --benchmark_list_tests; }
# peak_memory WORKLOAD PATTERN: once more each benchmark that matches, in a process of its own, so that nothing else's memory is
# counted.
peak_memory() {
    local name
    echo "== measuring $1: peak memory"
    for name in $(names "$1" | grep "$2"); do
        measure "$1" "^$name\$" "$1-rss-${name//[^a-z0-9]/-}.json"
    done
}

for workload in "${workloads[@]}"; do
    case $workload in
        micro)
            for family in $(names micro | cut -d / -f 1 | sort -u); do
                echo "== measuring micro: $family"
                measure micro "^$family/" "micro-$family.json" "${timing[@]}"
            done
            peak_memory micro '^spawn/'
            ;;
        *)
            echo "== measuring $workload"
            measure "$workload" . "$workload.json" "${timing[@]}"
            [[ $workload != fib ]] || peak_memory fib "/n:$biggest_fib/threads:"
            ;;
    esac
done

echo
awk -f benchmarks/table.awk "${measured[@]}" | tee "$results/table.txt"
