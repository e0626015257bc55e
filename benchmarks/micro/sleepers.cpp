// SPDX-License-Identifier: MIT
// A million tasks, or ten, that each sleep for 1 to 1000 ms and must not wake early. Counters:
//   beyond_1s_ms         from the first spawn to the last result, less the second that the longest sleep takes at least
//   late_ms              the last result after the last deadline
//   cpu_s                processor time, of all threads
//   rss_bytes_per_task   the process's peak less what it had before the first runtime: frames, handles, queues, everything
#include "deadlines.hpp"

#include "../harness.hpp"

#include <weft/weft.hpp>

#include <algorithm>
#include <random>

namespace {

using clock = micro::deadlines::clock;

weft::task<> sleeper(std::chrono::milliseconds duration, micro::deadlines& all) {
    auto const deadline = all.in(duration);
    co_await weft::sleep(duration);
    all.woke(deadline);
}

weft::task<> sleep_all(std::int64_t n, micro::deadlines& all) {
    std::minstd_rand random(1);
    std::uniform_int_distribution<int> milliseconds(1, 1000);
    std::vector<weft::join_handle<>> handles;
    handles.reserve(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
        handles.push_back(weft::spawn(sleeper(std::chrono::milliseconds(milliseconds(random)), all)));
    }
    for (auto const& handle : handles) {
        co_await handle;
    }
}

double milliseconds(clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

void on_weft(benchmark::State& state) {
    static double const rss_at_first = harness::peak_rss_bytes();
    auto const n = state.range(0);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    clock::duration beyond{};
    clock::duration late{};
    auto const cpu = harness::cpu_seconds();
    for (auto _ : state) {
        micro::deadlines all;
        auto const start = clock::now();
        runtime.run(sleep_all(n, all));
        auto const end = clock::now();
        beyond += end - start - std::chrono::seconds(1);
        late += end - all.last();
        if (all.early() != 0) {
            state.SkipWithError("a task woke before its time");
            break;
        }
    }
    auto const iterations = static_cast<double>(std::max(benchmark::IterationCount{1}, state.iterations()));
    state.counters["beyond_1s_ms"] = milliseconds(beyond) / iterations;
    state.counters["late_ms"] = milliseconds(late) / iterations;
    state.counters["cpu_s"] = (harness::cpu_seconds() - cpu) / iterations;
    state.counters["rss_bytes_per_task"] = (harness::peak_rss_bytes() - rss_at_first) / static_cast<double>(n);
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

BENCHMARK(on_weft)->Name("sleepers/weft")->Apply([](auto* entry) {
    harness::each_size_and_thread_count(entry, "tasks", {1'000'000});
    entry->Args({10'000'000, harness::thread_counts().back()});  // some 2.2 GB
});

}  // namespace
