// SPDX-License-Identifier: MIT
// What every benchmark here shares: which sizes and worker counts it runs with, how a result is timed and checked, and what the
// process has used. Names are workload/library/parameter:value/threads:n; Google Benchmark adds /real_time. Threads are always
// named last.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

namespace harness {

// 1, 2, 4, ... and every processor this process may use; or the numbers in the environment variable WEFT_BENCHMARK_THREADS ("1 2
// 16").
std::vector<std::int64_t> thread_counts();

// Of this whole process since it started. The peak means something only when nothing else ran in the process before.
double cpu_seconds();
double peak_rss_bytes();

// For Apply: each size alone (range 0).
template <class Entry>
void each_size(Entry* entry, char const* parameter, std::vector<std::int64_t> sizes) {
    entry->ArgName(parameter)->UseRealTime()->Unit(benchmark::kMillisecond);
    for (auto const size : sizes) {
        entry->Arg(size);
    }
}

// For Apply: each size (range 0) with each worker count (range 1).
template <class Entry>
void each_size_and_thread_count(Entry* entry, char const* parameter, std::vector<std::int64_t> sizes) {
    entry->ArgNames({parameter, "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
    entry->ArgsProduct({sizes, thread_counts()});
}

// To be called after the last iteration.
inline void report(benchmark::State& state, std::int64_t items_per_iteration) {
    state.SetItemsProcessed(state.iterations() * items_per_iteration);
    state.counters["peak_rss_bytes"] = peak_rss_bytes();
}

// Solves the problem once per iteration, from its input to its result, and compares every result.
template <class Input, class Result, class Solve>
void measure(benchmark::State& state, Input input, Result expected, std::int64_t items, Solve solve) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(input);  // as far as the compiler knows, another input each time: it cannot hoist the work
        Result const result = solve(input);
        if (result != expected) {
            state.SkipWithError("wrong result");
            break;
        }
    }
    report(state, items);
}

}  // namespace harness
