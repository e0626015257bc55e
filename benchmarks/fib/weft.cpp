// SPDX-License-Identifier: MIT
#include "../harness.hpp"
#include "problem.hpp"

#include <weft/weft.hpp>

namespace {

weft::task<std::int64_t> fibonacci(std::int64_t n) {
    if (n < 2) {
        co_return n;
    }
    auto const [a, b] = co_await weft::gather(fibonacci(n - 1), fibonacci(n - 2));
    co_return a + b;
}

void on_weft(benchmark::State& state) {
    auto const n = state.range(0);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    auto const solve = [&](std::int64_t input) { return runtime.run(fibonacci(input)); };
    solve(fib::warm_up);
    harness::measure(state, n, fib::expected(n), fib::calls(n), solve);
}

BENCHMARK(on_weft)->Name("fib/weft")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "n", fib::sizes); });

}  // namespace
