// SPDX-License-Identifier: MIT
// In how many ways do 13 queens stand on a 13 x 13 board so that none attacks another? Every safe placement is a child, at every
// level: an irregular tree, boards of 0 to 13 children, and in each node some real work, which no library can save: looking for the
// safe squares.
// From the Barcelona OpenMP Tasks Suite; the suites of libfork and TooManyCooks have the same tree and the same board.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nqueens {

inline constexpr int n = 13;
inline std::vector<std::int64_t> const sizes{n};
inline constexpr int expected = 73'712;
inline constexpr std::int64_t nodes = 4'674'890;  // boards with 0 to 13 queens, none attacking another

// The column of the queen in each row that has one.
using board = std::array<std::int8_t, 16>;  // 13 are used; 16 bytes are two registers

class columns {
public:
    void add(int column) { columns_[count_++] = static_cast<std::int8_t>(column); }

    std::size_t size() const { return count_; }
    int operator[](std::size_t i) const { return columns_[i]; }
    std::int8_t const* begin() const { return columns_.data(); }
    std::int8_t const* end() const { return columns_.data() + count_; }

private:
    std::array<std::int8_t, n> columns_;
    std::size_t count_ = 0;
};

// Where in this row a queen is safe from those in the rows before.
columns safe_columns(board const& queens, int row);

constexpr board with_queen(board queens, int row, int column) {
    queens[static_cast<std::size_t>(row)] = static_cast<std::int8_t>(column);
    return queens;
}

}  // namespace nqueens
