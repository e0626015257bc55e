// SPDX-License-Identifier: MIT
// One task sleeps for a millisecond, again and again, on a runtime that has nothing else to do: how late does it wake?
#include "percentiles.hpp"

#include "../harness.hpp"

#include <weft/weft.hpp>

namespace {

using micro::clock;

constexpr int naps = 500;

weft::task<bool> nap(micro::percentiles& lateness) {
    using namespace std::chrono_literals;
    bool early = false;
    for (int i = 0; i < naps; ++i) {
        auto const deadline = clock::now() + 1ms;
        co_await weft::sleep(1ms);
        auto const late = clock::now() - deadline;
        early = early || late < 0ns;
        lateness.add(late);
    }
    co_return early;
}

void on_weft(benchmark::State& state) {
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    micro::percentiles lateness;
    for (auto _ : state) {
        if (runtime.run(nap(lateness))) {
            state.SkipWithError("woke before its time");
            break;
        }
    }
    lateness.report(state);
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

BENCHMARK(on_weft)->Name("sleep/weft")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "ms", {1}); });

}  // namespace
