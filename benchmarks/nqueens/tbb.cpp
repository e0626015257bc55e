// SPDX-License-Identifier: MIT
// A task_group whose last child runs in place: as fast as a parallel_for over the safe columns, within the noise, and the usual
// way. For two children parallel_invoke is no faster. No group for one: 15 % less time.
#include "../harness.hpp"
#include "../tbb_threads.hpp"
#include "problem.hpp"

#include <oneapi/tbb/task_group.h>

#include <numeric>

namespace {

int count(int row, nqueens::board queens) {
    if (row == nqueens::n) {
        return 1;
    }
    auto const columns = nqueens::safe_columns(queens, row);
    if (columns.size() == 0) {
        return 0;
    }
    if (columns.size() == 1) {
        return count(row + 1, nqueens::with_queen(queens, row, columns[0]));
    }
    std::array<int, nqueens::n> parts;
    auto const child = [&](std::size_t i) {
        return [row, next = nqueens::with_queen(queens, row, columns[i]), &part = parts[i]] { part = count(row + 1, next); };
    };
    oneapi::tbb::task_group group;
    for (std::size_t i = 0; i + 1 < columns.size(); ++i) {
        group.run(child(i));
    }
    group.run_and_wait(child(columns.size() - 1));
    return std::accumulate(parts.begin(), parts.begin() + columns.size(), 0);
}

void on_tbb(benchmark::State& state) {
    harness::tbb_threads threads(state.range(1));
    auto const solve = [&](nqueens::board const& empty) { return threads.run([&] { return count(0, empty); }); };
    threads.run([] { return count(nqueens::n - 3, nqueens::board{}); });
    harness::measure(state, nqueens::board{}, nqueens::expected, nqueens::nodes, solve);
}

BENCHMARK(on_tbb)->Name("nqueens/tbb")->Apply([](auto* entry) { harness::each_size_and_thread_count(entry, "n", nqueens::sizes); });

}  // namespace
