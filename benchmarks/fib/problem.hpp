// SPDX-License-Identifier: MIT
// The n-th Fibonacci number by its definition: each call forks two, down to n < 2, and computes next to nothing itself. So this is
// the price of a fork, a join and a frame, and of nothing else; fib(36) makes 48 million calls.
// The oldest benchmark of work stealing (Cilk, 1995; in the suites of libfork and TooManyCooks under the same name). No library
// here gets a sequential cutoff: choosing one is what a fast fork spares its users.
#pragma once

#include <cstdint>
#include <vector>

namespace fib {

inline std::vector<std::int64_t> const sizes{30, 36};
inline constexpr int warm_up = 20;

constexpr std::int64_t expected(std::int64_t n) {
    std::int64_t current = 0;
    std::int64_t next = 1;
    for (; n > 0; --n) {
        std::int64_t const sum = current + next;
        current = next;
        next = sum;
    }
    return current;
}
static_assert(expected(36) == 14'930'352);

// fib(n) is called this often, itself included.
constexpr std::int64_t calls(std::int64_t n) { return 2 * expected(n + 1) - 1; }
static_assert(calls(36) == 48'315'633);

}  // namespace fib
