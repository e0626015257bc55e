// SPDX-License-Identifier: MIT
#include "../harness.hpp"
#include "problem.hpp"

namespace {

int count(int row, nqueens::board queens) {
    if (row == nqueens::n) {
        return 1;
    }
    int found = 0;
    for (int const column : nqueens::safe_columns(queens, row)) {
        found += count(row + 1, nqueens::with_queen(queens, row, column));
    }
    return found;
}

void serial(benchmark::State& state) {
    auto const solve = [](nqueens::board const& empty) { return count(0, empty); };
    harness::measure(state, nqueens::board{}, nqueens::expected, nqueens::nodes, solve);
}

BENCHMARK(serial)->Name("nqueens/serial")->Apply([](auto* entry) { harness::each_size(entry, "n", nqueens::sizes); });

}  // namespace
