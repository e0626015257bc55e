// SPDX-License-Identifier: MIT
// Objects that are counted: what a frame keeps, and whether it lets go of it exactly once.
#pragma once

#include <atomic>
#include <utility>

namespace weft::test {

// How many are alive and how many destructors have run too often: a destroyed one that is destroyed again makes `alive` negative.
struct census {
    std::atomic<int> alive{0};
    std::atomic<int> copied{0};
};

// Copyable and movable; each object, moved from or not, counts until it is destroyed.
class counted {
public:
    explicit counted(census& in, int number = 0) noexcept : in_(&in), number_(number) { ++in_->alive; }
    counted(const counted& other) noexcept : in_(other.in_), number_(other.number_) {
        ++in_->alive;
        ++in_->copied;
    }
    counted(counted&& other) noexcept : in_(other.in_), number_(std::exchange(other.number_, moved_from)) { ++in_->alive; }
    counted& operator=(const counted&) = delete;
    counted& operator=(counted&&) = delete;
    ~counted() { --in_->alive; }

    static constexpr int moved_from = -1;
    [[nodiscard]] int number() const noexcept { return number_; }

private:
    census* in_;
    int number_;
};

// The same, but it cannot be copied.
class counted_move_only : public counted {
public:
    using counted::counted;
    counted_move_only(counted_move_only&&) noexcept = default;
    counted_move_only(const counted_move_only&) = delete;
};

}  // namespace weft::test
