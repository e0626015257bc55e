// SPDX-License-Identifier: MIT
// A thread outside the runtime hands in a task and waits for its result: back to back, and after a pause in which every worker has
// gone to sleep. p50_us and p99_us are the single round trips; the time column has the pauses in it.
#include "percentiles.hpp"

#include "../harness.hpp"

#include <weft/weft.hpp>

#include <thread>

namespace {

using micro::clock;

constexpr int round_trips = 500;

weft::task<int> echo(int i) { co_return i; }

void on_weft(benchmark::State& state) {
    auto const pause = std::chrono::milliseconds(state.range(0));
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    micro::percentiles latency;
    for (auto _ : state) {
        for (int i = 0; i < round_trips; ++i) {
            if (pause.count() > 0) {
                std::this_thread::sleep_for(pause);
            }
            auto const start = clock::now();
            auto const result = runtime.submit(echo(i)).get();
            latency.add(clock::now() - start);
            if (result != i) {
                state.SkipWithError("wrong result");
                return;
            }
        }
    }
    latency.report(state);
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

BENCHMARK(on_weft)->Name("submit/weft")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "pause_ms", {0, 1}); });

}  // namespace
