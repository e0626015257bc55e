// SPDX-License-Identifier: MIT
// c += a * b for 1024 x 1024 matrices, by divide and conquer: eight half-sized products in two groups of four (the four of a group
// write different quarters of c), down to leaves of 32 x 32 that one tight loop multiplies. Nearly all the time is in the leaves:
// what is left for a library to lose is locality and the waiting at the end of each group.
// From Cilk's examples, by way of the suites of libfork and TooManyCooks. Unlike there, a row is a cache line longer than it needs
// to be, and rows start on a cache line: rows 4 KiB apart compete for the same cache sets, and a leaf then takes five times as long
// (with -march=native on an EPYC) whoever schedules it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace matmul {

using element = std::uint32_t;

inline constexpr std::size_t leaf = 32;
inline std::vector<std::int64_t> const sizes{1024};

// c += a * b, each n x n, within matrices whose rows are `pitch` elements apart.
struct product {
    element const* a;
    element const* b;
    element* c;
    std::size_t n;
    std::size_t pitch;

    constexpr bool is_leaf() const { return n == leaf; }

    // The half-sized product of a's quarter (row, inner) and b's quarter (inner, column).
    constexpr product part(std::size_t row, std::size_t column, std::size_t inner) const {
        std::size_t const half = n / 2;
        return {a + (row * pitch + inner) * half, b + (inner * pitch + column) * half, c + (row * pitch + column) * half, half,
                pitch};
    }
};

void multiply_leaf(product leaf_product);

class matrix {
public:
    explicit matrix(std::size_t n) : n_(n), storage_(n * pitch() + line) {
        void* start = storage_.data();
        std::size_t space = storage_.size() * sizeof(element);
        first_ = static_cast<element*>(std::align(line * sizeof(element), n * pitch() * sizeof(element), start, space));
    }
    matrix(matrix const&) = delete;
    matrix& operator=(matrix const&) = delete;

    element* first() { return first_; }
    std::size_t pitch() const { return n_ + line; }

    void fill(std::minstd_rand& random) {
        for (auto& value : storage_) {
            value = static_cast<element>(random());
        }
    }

    std::vector<element> operator*(std::vector<element> const& vector) const {
        std::vector<element> result(n_);
        for (std::size_t i = 0; i < n_; ++i) {
            for (std::size_t j = 0; j < n_; ++j) {
                result[i] += first_[i * pitch() + j] * vector[j];
            }
        }
        return result;
    }

private:
    static constexpr std::size_t line = 64 / sizeof(element);

    std::size_t n_;
    std::vector<element> storage_;
    element* first_;
};

// Two random matrices and their product, accumulated as often as all() is multiplied. Arithmetic is modulo 2^32, so the result is
// exact however often that is, and no iteration has to clear c.
class problem {
public:
    explicit problem(std::int64_t size) : n_(static_cast<std::size_t>(size)), a_(n_), b_(n_), c_(n_) {
        std::minstd_rand random(1);
        a_.fill(random);
        b_.fill(random);
    }

    product all() { return {a_.first(), b_.first(), c_.first(), n_, a_.pitch()}; }

    std::int64_t multiplications() const { return static_cast<std::int64_t>(n_ * n_ * n_); }

    // Freivalds' check: c r == times * (a (b r)) for a random vector r, n^2 steps where multiplying again takes n^3. One wrong row
    // in c passes with a probability of one half at the very worst, and of 2^-31 for nearly every mistake.
    bool holds(element times) const {
        std::minstd_rand random(2);
        std::vector<element> r(n_);
        for (auto& value : r) {
            value = static_cast<element>(random());
        }
        auto expected = a_ * (b_ * r);
        for (auto& value : expected) {
            value *= times;
        }
        return c_ * r == expected;
    }

private:
    std::size_t n_;
    matrix a_;
    matrix b_;
    matrix c_;
};

}  // namespace matmul
