// SPDX-License-Identifier: MIT
// What a runtime costs while it does nothing for five seconds, with no task and with one that sleeps: counter cpu_ms, of all
// threads.
#include "../harness.hpp"

#include <weft/weft.hpp>

#include <chrono>
#include <future>
#include <thread>

namespace {

using namespace std::chrono_literals;

weft::task<> sleeper() { co_await weft::sleep(5500ms); }

void on_weft(benchmark::State& state) {
    auto const sleepers = state.range(0);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    double cpu = 0;
    for (auto _ : state) {
        std::vector<std::future<void>> ended;
        for (std::int64_t i = 0; i < sleepers; ++i) {
            ended.push_back(runtime.submit(sleeper()));
        }
        std::this_thread::sleep_for(200ms);  // workers spin a little before they sleep
        auto const before = harness::cpu_seconds();
        std::this_thread::sleep_for(5s);
        cpu += harness::cpu_seconds() - before;
        for (auto& sleep : ended) {
            sleep.get();
        }
    }
    state.counters["cpu_ms"] = cpu * 1000 / static_cast<double>(state.iterations());
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

BENCHMARK(on_weft)->Name("idle/weft")->Apply([](auto* entry) {
    entry->ArgNames({"sleepers", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
    entry->ArgsProduct({{0, 1}, {harness::thread_counts().back()}});
});

}  // namespace
