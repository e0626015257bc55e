// SPDX-License-Identifier: MIT
// One gather of a vector of 100 000 tasks that return at once.
#include "../harness.hpp"

#include <weft/weft.hpp>

#include <numeric>
#include <utility>

namespace {

weft::task<std::int64_t> echo(std::int64_t i) { co_return i; }

weft::task<std::int64_t> gather_all(std::int64_t n) {
    std::vector<weft::task<std::int64_t>> children;
    children.reserve(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
        children.push_back(echo(i));
    }
    auto const results = co_await weft::gather(std::move(children));
    co_return std::accumulate(results.begin(), results.end(), std::int64_t{0});
}

void on_weft(benchmark::State& state) {
    auto const n = state.range(0);
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    runtime.run(gather_all(n));  // to warm up
    harness::measure(state, n, n * (n - 1) / 2, n, [&](std::int64_t input) { return runtime.run(gather_all(input)); });
}

BENCHMARK(on_weft)->Name("gather/weft")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "tasks", {100'000}); });

}  // namespace
