// SPDX-License-Identifier: MIT
// One task sleeps for a millisecond, again and again, on a runtime that has nothing else to do: how late does it wake? The serial
// version is a thread without a runtime: how late the system itself is.
#include "naps.hpp"
#include "percentiles.hpp"

#include "../harness.hpp"

#include <weft/weft.hpp>

#include "platform.hpp"

#include <thread>

namespace {

using namespace std::chrono_literals;
using micro::clock;

void on_weft(benchmark::State& state) {
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    micro::percentiles lateness;
    for (auto _ : state) {
        if (runtime.run(micro::take_naps(lateness))) {
            state.SkipWithError("woke before its time");
            break;
        }
    }
    lateness.report(state);
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

void serial(benchmark::State& state) {
    micro::percentiles lateness;
    for (auto _ : state) {
        std::thread([&] {
            weft::detail::platform::sharpen_timed_waits();  // as workers do, of their own thread only
            for (int i = 0; i < micro::naps; ++i) {
                auto const deadline = clock::now() + 1ms;
                std::this_thread::sleep_until(deadline);
                lateness.add(clock::now() - deadline);
            }
        }).join();
    }
    lateness.report(state);
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

BENCHMARK(serial)->Name("sleep/serial")->Apply([](auto* entry) { harness::each_size(entry, "ms", {1}); });
BENCHMARK(on_weft)->Name("sleep/weft")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "ms", {1}); });

}  // namespace
