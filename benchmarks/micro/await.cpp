// SPDX-License-Identifier: MIT
// Awaiting a task that has nothing to wait for, a million times: one after the other, and a thousand deep. A frame, two jumps, a
// value; no scheduling. The serial version is a call that the compiler may not inline.
#include "../harness.hpp"

#include <weft/weft.hpp>

namespace {

constexpr std::int64_t awaits = 1'000'000;
constexpr std::int64_t depth = 1000;

weft::task<std::int64_t> one() { co_return 1; }

weft::task<std::int64_t> sequential(std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        sum += co_await one();
    }
    co_return sum;
}

weft::task<std::int64_t> levels_below(std::int64_t n) {
    if (n == 0) {
        co_return 0;
    }
    co_return 1 + co_await levels_below(n - 1);
}

weft::task<std::int64_t> nested(std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n / depth; ++i) {
        sum += co_await levels_below(depth);
    }
    co_return sum;
}

template <weft::task<std::int64_t> (*await_all)(std::int64_t)>
void on_weft(benchmark::State& state) {
    weft::runtime runtime({.workers = 1});
    runtime.run(await_all(awaits));  // to warm up
    harness::measure(state, awaits, awaits, awaits, [&](std::int64_t n) { return runtime.run(await_all(n)); });
}

[[gnu::noinline]] std::int64_t call() {
    std::int64_t result = 1;
    benchmark::DoNotOptimize(result);
    return result;
}

void serial(benchmark::State& state) {
    harness::measure(state, awaits, awaits, awaits, [](std::int64_t n) {
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < n; ++i) {
            sum += call();
        }
        return sum;
    });
}

BENCHMARK(on_weft<sequential>)->Name("await/weft/sequential:1000000/threads:1")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(on_weft<nested>)->Name("await/weft/nested:1000000/threads:1")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(serial)->Name("await/serial/sequential:1000000")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
