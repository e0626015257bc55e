// SPDX-License-Identifier: MIT
// What a runtime costs while it does nothing for five seconds, with no task and with one that sleeps: counter cpu_ms, of all
// threads. The serial version has no runtime: what the program's own thread, asleep for so long, costs the system.
#include "../harness.hpp"

#include <weft/weft.hpp>

#include <chrono>
#include <future>
#include <thread>

namespace {

using namespace std::chrono_literals;

weft::task<> sleeper() { co_await weft::sleep(5500ms); }

// CPU milliseconds of this process in five seconds.
double sleep_and_measure() {
    std::this_thread::sleep_for(200ms);  // workers spin a little before they sleep
    auto const before = harness::cpu_seconds();
    std::this_thread::sleep_for(5s);
    return (harness::cpu_seconds() - before) * 1000;
}

void report(benchmark::State& state, double cpu_ms) {
    state.counters["cpu_ms"] = cpu_ms / static_cast<double>(state.iterations());
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

void on_weft(benchmark::State& state) {
    auto const sleepers = state.range(0);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    double cpu_ms = 0;
    for (auto _ : state) {
        std::vector<std::future<void>> ended;
        for (std::int64_t i = 0; i < sleepers; ++i) {
            ended.push_back(runtime.submit(sleeper()));
        }
        cpu_ms += sleep_and_measure();
        for (auto& sleep : ended) {
            sleep.get();
        }
    }
    report(state, cpu_ms);
}

void serial(benchmark::State& state) {
    double cpu_ms = 0;
    for (auto _ : state) {
        cpu_ms += sleep_and_measure();
    }
    report(state, cpu_ms);
}

BENCHMARK(serial)->Name("idle/serial")->Apply([](auto* entry) { harness::each_size(entry, "sleepers", {0}); });
BENCHMARK(on_weft)->Name("idle/weft")->Apply([](auto* entry) {
    entry->ArgNames({"sleepers", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
    entry->ArgsProduct({{0, 1}, {harness::thread_counts().back()}});
});

}  // namespace
