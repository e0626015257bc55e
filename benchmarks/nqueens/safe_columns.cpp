// SPDX-License-Identifier: MIT
// A translation unit of its own, so that every library runs the very same instructions.
#include "problem.hpp"

namespace nqueens {

namespace {

bool safe(board const& queens, int row, int column) {
    for (int other = 0; other < row; ++other) {
        int const distance = row - other;
        int const taken = queens[static_cast<std::size_t>(other)];
        if (taken == column || taken == column - distance || taken == column + distance) {
            return false;
        }
    }
    return true;
}

}  // namespace

columns safe_columns(board const& queens, int row) {
    columns found;
    for (int column = 0; column < n; ++column) {
        if (safe(queens, row, column)) {
            found.add(column);
        }
    }
    return found;
}

}  // namespace nqueens
