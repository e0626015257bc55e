// SPDX-License-Identifier: MIT
// A hundred thousand tasks, or a million, sleep until one and the same moment, a second after the first was spawned. Counters, from
// that moment on:
//   late_p50_us, late_p99_us   when half of the tasks, and nearly all of them, were awake
//   first_ms, last_ms          when the first and the last one was
#include "percentiles.hpp"

#include "../harness.hpp"

#include <weft/weft.hpp>

#include <algorithm>

namespace {

using namespace std::chrono_literals;
using micro::clock;

struct wake_up {
    bool slept;  // else it had not begun before the moment came
    clock::duration late;
};

weft::task<wake_up> sleeper(clock::time_point moment) {
    bool const in_time = clock::now() < moment;
    co_await weft::sleep_until(moment);
    co_return wake_up{in_time, clock::now() - moment};
}

// Returns what went wrong, or null.
weft::task<char const*> sleep_all(std::int64_t n, micro::percentiles& lateness) {
    auto const moment = clock::now() + 1s;
    std::vector<weft::join_handle<wake_up>> handles;
    handles.reserve(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
        handles.push_back(weft::spawn(sleeper(moment)));
    }
    char const* wrong = nullptr;
    for (auto const& handle : handles) {
        auto const [slept, late] = co_await handle;
        if (!slept) {
            wrong = "not all tasks were asleep within a second";
        } else if (late < 0s) {
            wrong = "a task woke before its time";
        }
        lateness.add(late);
    }
    co_return wrong;
}

void on_weft(benchmark::State& state) {
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    micro::percentiles lateness;
    for (auto _ : state) {
        if (auto const* const wrong = runtime.run(sleep_all(state.range(0), lateness))) {
            state.SkipWithError(wrong);
            break;
        }
    }
    state.counters["late_p50_us"] = lateness.at(0.50);
    state.counters["late_p99_us"] = lateness.at(0.99);
    state.counters["first_ms"] = lateness.at(0) / 1000;
    state.counters["last_ms"] = lateness.at(1) / 1000;
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

BENCHMARK(on_weft)->Name("storm/weft")->Apply([](auto* entry) {
    auto threads = harness::thread_counts();
    if (std::find(threads.begin(), threads.end(), 16) == threads.end()) {
        threads.push_back(16);
    }
    entry->ArgNames({"tasks", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
    entry->ArgsProduct({{100'000, 1'000'000}, threads});
});

}  // namespace
