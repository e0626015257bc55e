// SPDX-License-Identifier: MIT
#include "../harness.hpp"
#include "problem.hpp"

namespace {

std::int64_t fibonacci(std::int64_t n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

void serial(benchmark::State& state) {
    auto const n = state.range(0);
    harness::measure(state, n, fib::expected(n), fib::calls(n), fibonacci);
}

BENCHMARK(serial)->Name("fib/serial")->Apply([](auto* entry) { harness::each_size(entry, "n", fib::sizes); });

}  // namespace
