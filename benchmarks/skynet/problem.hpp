// SPDX-License-Identifier: MIT
// A tree of tasks: each has ten children and adds up what they return; each of the leaves (10^6 or 10^7) returns its own number.
// Wide joins, and nine tenths of all tasks are leaves that end at once.
// From the "Skynet 1M concurrency microbenchmark" (github.com/atemerev/skynet), which compares goroutines, futures and actors.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace skynet {

inline constexpr std::int64_t children = 10;
inline std::vector<std::int64_t> const sizes{1'000'000, 10'000'000};

// The leaves first, first + 1, ..., first + leaves - 1, and the node above them.
struct node {
    std::int64_t first;
    std::int64_t leaves;

    constexpr bool is_leaf() const { return leaves == 1; }

    constexpr node child(std::int64_t i) const { return {first + i * (leaves / children), leaves / children}; }
};

constexpr node root(std::int64_t leaves) { return {0, leaves}; }
inline constexpr std::int64_t warm_up = 1000;

constexpr std::int64_t expected(std::int64_t leaves) { return leaves * (leaves - 1) / 2; }

constexpr std::int64_t nodes(std::int64_t leaves) { return (leaves * children - 1) / (children - 1); }
static_assert(nodes(100) == 111);

}  // namespace skynet
