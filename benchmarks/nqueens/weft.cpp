// SPDX-License-Identifier: MIT
#include "../harness.hpp"
#include "problem.hpp"

#include <weft/weft.hpp>

#include <numeric>
#include <utility>

namespace {

weft::task<int> count(int row, nqueens::board queens) {
    if (row == nqueens::n) {
        co_return 1;
    }
    std::vector<weft::task<int>> children;
    auto const columns = nqueens::safe_columns(queens, row);
    children.reserve(columns.size());
    for (int const column : columns) {
        children.push_back(count(row + 1, nqueens::with_queen(queens, row, column)));
    }
    auto const parts = co_await weft::gather(std::move(children));
    co_return std::accumulate(parts.begin(), parts.end(), 0);
}

void on_weft(benchmark::State& state) {
    weft::runtime runtime({.workers = static_cast<unsigned>(state.range(1))});
    auto const solve = [&](nqueens::board const& empty) { return runtime.run(count(0, empty)); };
    runtime.run(count(nqueens::n - 2, nqueens::board{}));
    harness::measure(state, nqueens::board{}, nqueens::expected, nqueens::nodes, solve);
}

BENCHMARK(on_weft)->Name("nqueens/weft")->Apply([](auto* entry) {
    harness::each_size_and_thread_count(entry, "n", nqueens::sizes);
});

}  // namespace
