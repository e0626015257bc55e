// SPDX-License-Identifier: MIT
// A task awaits a function that returns at once, on a thread for blocking functions, again and again: back to back, and after a
// pause in which that thread and every worker has gone to sleep. Serial: two threads that wake each other by semaphores, which is
// what such a round trip cannot be faster than. p50_us and p99_us are the single round trips; the time column has the pauses in it.
#include "percentiles.hpp"

#include "../harness.hpp"

#include <weft/weft.hpp>

#include <chrono>
#include <semaphore>
#include <thread>

namespace {

using micro::clock;

constexpr int round_trips = 500;

int echo(int i) { return i; }

// Whether all results were right.
weft::task<bool> call_one_by_one(std::chrono::milliseconds pause, micro::percentiles& latency) {
    for (int i = 0; i < round_trips; ++i) {
        if (pause.count() > 0) {
            co_await weft::sleep(pause);
        }
        auto const start = clock::now();
        int const result = co_await weft::to_thread(echo, i);
        latency.add(clock::now() - start);
        if (result != i) {
            co_return false;
        }
    }
    co_return true;
}

void on_weft(benchmark::State& state) {
    auto const pause = std::chrono::milliseconds(state.range(0));
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    micro::percentiles latency;
    for (auto _ : state) {
        if (!runtime.run(call_one_by_one(pause, latency))) {
            state.SkipWithError("wrong result");
            return;
        }
    }
    latency.report(state);
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

void by_semaphores(benchmark::State& state) {
    auto const pause = std::chrono::milliseconds(state.range(0));
    std::binary_semaphore asked(0);
    std::binary_semaphore answered(0);
    bool over = false;
    int value = 0;
    std::thread other([&] {
        for (;;) {
            asked.acquire();
            if (over) {
                return;
            }
            value = echo(value);
            answered.release();
        }
    });
    micro::percentiles latency;
    bool right = true;
    for (auto _ : state) {
        for (int i = 0; i < round_trips; ++i) {
            if (pause.count() > 0) {
                std::this_thread::sleep_for(pause);
            }
            auto const start = clock::now();
            value = i;
            asked.release();
            answered.acquire();
            latency.add(clock::now() - start);
            right = right && value == i;
        }
    }
    over = true;
    asked.release();
    other.join();
    if (!right) {
        state.SkipWithError("wrong result");
        return;
    }
    latency.report(state);
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

BENCHMARK(on_weft)->Name("to_thread/weft")->Apply([](auto* entry) {
    harness::each_size_and_thread_count(entry, "pause_ms", {0, 1});
});
BENCHMARK(by_semaphores)->Name("to_thread/serial")->Apply([](auto* entry) { harness::each_size(entry, "pause_ms", {0, 1}); });

}  // namespace
