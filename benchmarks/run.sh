#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the benchmarks (preset release) and the peers and runs them, repetitions alternating at random. Prints one table of
# medians; build/release/benchmarks has it as table.txt, all that was measured as results.json, and the plots: time.svg, memory.svg,
# speedup.svg. On Debian and Ubuntu it installs what is missing. benchmarks/README.md says what is measured, and how.
# usage: benchmarks/run.sh [OPTION...] [fib|skynet|nqueens|matmul|micro ...]      all of them where none is named
#   --quick                    one short repetition: shows that everything works; the times mean little
#   --peers asio,go            beside oneTBB only these of asio, go, tokio, asyncio, uvloop; else all that can be had
#   --no-peers                 weft, oneTBB and serially, nothing else
#   CXX=clang++-19             another compiler, in a build folder of its own (build/release-clang++-19)
#   WEFT_BENCHMARK_THREADS     worker counts, for instance "1 2 16"; else 1, 2, 4, ... and all processors
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/packages.sh

usage() { sed -n '6,11s/^# \?//p' benchmarks/run.sh; }
is_peer() { local peer; for peer in "${all_peers[@]}"; do [[ $1 != "$peer" ]] || return 0; done; return 1; }
wrong() { printf '%s\n\n' "$1" >&2; usage >&2; exit 2; }

# bash before 4.4, which is macOS's, takes an empty array for an unset one: hence ${name[@]+"${name[@]}"} for what may be empty.
all_peers=(asio go tokio asyncio uvloop)
peers=("${all_peers[@]}")
quick=""
workloads=()
while [[ $# -gt 0 ]]; do
    case $1 in
        --quick) quick=--quick ;;
        --no-peers) peers=() ;;
        --peers)
            [[ $# -gt 1 ]] || wrong "--peers needs names"
            IFS=, read -ra peers <<<"$2"
            [[ ${#peers[@]} -gt 0 ]] || wrong "--peers needs names"
            for peer in "${peers[@]}"; do is_peer "$peer" || wrong "There is no peer '$peer'"; done
            shift
            ;;
        fib | skynet | nqueens | matmul | micro) workloads+=("$1") ;;
        -h | --help) usage; exit ;;
        *) wrong "Unknown: '$1'" ;;
    esac
    shift
done
[[ ${#workloads[@]} -gt 0 ]] || workloads=(fib skynet nqueens matmul micro)
[[ ${WEFT_BENCHMARK_THREADS-1} =~ ^\ *[1-9][0-9]*(\ +[1-9][0-9]*)*\ *$ ]] ||
    wrong "WEFT_BENCHMARK_THREADS is '$WEFT_BENCHMARK_THREADS'"

# The system's own first: its Python has the modules, its cargo goes with the crates.
system_first() { PATH=/usr/bin:$PATH "$@"; }

peer_packages() {
    case $1 in
        asio) echo libasio-dev ;;
        go) echo golang-go ;;
        tokio) echo rustc cargo librust-tokio-dev ;;
        asyncio) echo python3 ;;
        uvloop) echo python3 python3-uvloop ;;
        plots) echo python3-matplotlib ;;
    esac
}

peer_there() {
    case $1 in
        asio) "${CXX:-g++}" -E -x c++ - <<<'#include <asio.hpp>' >/dev/null 2>&1 ;;
        go) command -v go >/dev/null ;;
        tokio) [[ -x /usr/bin/cargo && -x /usr/bin/rustc ]] && compgen -G '/usr/share/cargo/registry/tokio-1.*' >/dev/null ;;
        asyncio) command -v python3 >/dev/null ;;
        uvloop) system_first python3 -c 'import uvloop' 2>/dev/null ;;
        plots) system_first python3 -c 'import matplotlib' 2>/dev/null ;;
    esac
}

need_packages g++ cmake ninja-build libtbb-dev libbenchmark-dev python3

# Nobody must have all of these, and the plots are not worth an installation with --quick.
packages=()
for peer in ${peers[@]+"${peers[@]}"} plots; do
    if [[ $peer == plots && -n $quick ]] || peer_there "$peer"; then continue; fi
    read -ra names <<<"$(peer_packages "$peer")"
    packages+=("${names[@]}")
done
if [[ ${#packages[@]} -gt 0 ]] && ! (need_packages "${packages[@]}") && command -v apt-cache >/dev/null; then
    # One that this system does not have keeps the others from being installed. Once more without those; when apt knows all of
    # them or none there is no network, or no right to install, and no use in it.
    known=()
    for name in "${packages[@]}"; do if apt-cache show "$name" >/dev/null 2>&1; then known+=("$name"); fi; done
    if [[ ${#known[@]} -gt 0 && ${#known[@]} -lt ${#packages[@]} ]]; then (need_packages "${known[@]}") || true; fi
fi
found=""
for peer in ${peers[@]+"${peers[@]}"} plots; do
    if ! peer_there "$peer"; then
        elsewhere=""
        [[ $peer != tokio ]] || elsewhere="; elsewhere it cannot be built: it needs Debian's crates"
        echo "== skipping $peer, which is not installed. On Debian: apt-get install $(peer_packages "$peer")$elsewhere"
    elif [[ $peer != plots ]]; then
        found+=${found:+,}$peer
    fi
done

build=build/release${CXX:+-$(basename "$CXX")}
echo "== configuring $build"
cmake --preset release -B "$build" -DWEFT_BUILD_TESTS=OFF -DWEFT_BUILD_SAMPLES=OFF ${WEFT_WERROR:+-DWEFT_WERROR=ON} \
    ${CXX:+"-DCMAKE_CXX_COMPILER=$CXX"}
echo "== building"
cmake --build "$build" -j "$(processors)" --target "${workloads[@]}"

PYTHONDONTWRITEBYTECODE=1 system_first python3 benchmarks/compare "$build" ${quick:+"$quick"} --peers "$found" "${workloads[@]}"
