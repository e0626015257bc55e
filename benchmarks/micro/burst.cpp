// SPDX-License-Identifier: MIT
// A thread outside hands in a thousand tasks at once, all workers being asleep. Counter wakes: how often a worker was woken in a
// burst, counted by the system as how often a thread went to sleep again; also the posting one, should a lock in `submit` make it.
#include "../harness.hpp"

#include <weft/weft.hpp>

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

weft::task<> count_in(std::atomic<std::int64_t>& done) {
    done.fetch_add(1, std::memory_order_relaxed);
    co_return;
}

long sleeps() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

void on_weft(benchmark::State& state) {
    auto const posts = state.range(0);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    long wakes = 0;
    for (auto _ : state) {
        state.PauseTiming();
        std::this_thread::sleep_for(20ms);  // workers spin a little before they sleep
        std::atomic<std::int64_t> done = 0;
        std::vector<std::future<void>> ended;
        ended.reserve(static_cast<std::size_t>(posts));
        long const before = sleeps();
        state.ResumeTiming();
        for (std::int64_t i = 0; i < posts; ++i) {
            ended.push_back(runtime.submit(count_in(done)));
        }
        while (done.load(std::memory_order_relaxed) < posts) {  // without going to sleep, which would be counted
        }
        state.PauseTiming();
        std::this_thread::sleep_for(20ms);
        wakes += sleeps() - before - 1;  // the sleep of this thread
        for (auto& each : ended) {
            each.get();
        }
        state.ResumeTiming();
    }
    state.SetItemsProcessed(state.iterations() * posts);
    state.counters["wakes"] = static_cast<double>(wakes) / static_cast<double>(state.iterations());
    state.counters["peak_rss_bytes"] = harness::peak_rss_bytes();
}

BENCHMARK(on_weft)->Name("burst/weft")->Apply([](auto* entry) {
    entry->ArgNames({"posts", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(20);
    entry->ArgsProduct({{1000}, {harness::thread_counts().back(), 16}});
});

}  // namespace
