// SPDX-License-Identifier: MIT
// One task sleeps for a millisecond, again and again, on a runtime whose workers are all busy: two tasks for each compute for 50
// to 150 us and give way, over and over. How late does the sleeper go on? (The slices vary, because a constant 100 us divides the
// millisecond, and every nap would end at the same point of one.)
#include "naps.hpp"
#include "percentiles.hpp"

#include "../harness.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <vector>

namespace {

using namespace std::chrono_literals;
using micro::clock;

weft::task<> compute(std::atomic<bool> const& stop) {
    for (int turn = 0; !stop.load(std::memory_order_relaxed); ++turn) {
        auto const slice = std::chrono::microseconds(50 + turn * 37 % 101);
        for (auto const end = clock::now() + slice; clock::now() < end;) {
        }
        co_await weft::yield();
    }
}

weft::task<bool> nap_among_others(micro::percentiles& lateness) {
    std::atomic<bool> stop = false;
    std::vector<weft::join_handle<>> others;
    for (unsigned i = 0; i < 2 * weft::worker_count(); ++i) {
        others.push_back(weft::spawn(compute(stop)));
    }
    bool const early = co_await micro::take_naps(lateness);
    stop.store(true, std::memory_order_relaxed);
    for (auto const& other : others) {
        co_await other;
    }
    co_return early;
}

void on_weft(benchmark::State& state) {
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    micro::percentiles lateness;
    for (auto _ : state) {
        if (runtime.run(nap_among_others(lateness))) {
            state.SkipWithError("woke before its time");
            break;
        }
    }
    lateness.report(state);
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

BENCHMARK(on_weft)->Name("loaded_sleep/weft")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "ms", {1}); });

}  // namespace
