// SPDX-License-Identifier: MIT
// What a thread knows: how far each thread has come (the vector clock of happens-before, for races), and for each atomic location
// the oldest store it may still read.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "limits.hpp"

namespace weft::model::engine {

using vector_clock = std::array<std::uint32_t, max_threads>;

// What a release store passes on. Made in the pool of one execution and never changed after.
struct message {
    vector_clock clock;
    int count;
    [[nodiscard]] std::int16_t const* seen() const noexcept { return reinterpret_cast<std::int16_t const*>(this + 1); }
    [[nodiscard]] std::int16_t* seen() noexcept { return reinterpret_cast<std::int16_t*>(this + 1); }
};

class view {
public:
    vector_clock clock;

    void reset() noexcept {
        clock.fill(0);
        count_ = 0;
    }

    [[nodiscard]] std::int16_t seen(int location) const noexcept {
        return location < count_ ? seen_.data()[location] : std::int16_t{0};
    }
    void see(int location, std::int16_t store) noexcept {
        grow(location + 1);
        std::int16_t& known = seen_.data()[location];
        known = std::max(known, store);
    }

    void join_seen(std::int16_t const* other, int count) noexcept {
        grow(count);
        std::int16_t* const mine = seen_.data();
        for (int i = 0; i < count; ++i) mine[i] = std::max(mine[i], other[i]);
    }
    void join_seen(view const& other) noexcept { join_seen(other.seen_.data(), other.count_); }
    void join(message const& other) noexcept {
        join_clock(other.clock);
        join_seen(other.seen(), other.count);
    }
    void join(view const& other) noexcept {
        join_clock(other.clock);
        join_seen(other);
    }
    void copy(view const& other) noexcept {
        clock = other.clock;
        count_ = other.count_;
        std::memcpy(seen_.data(), other.seen_.data(), static_cast<std::size_t>(count_) * sizeof(std::int16_t));
    }
    [[nodiscard]] int count() const noexcept { return count_; }
    [[nodiscard]] std::int16_t const* data() const noexcept { return seen_.data(); }

private:
    void join_clock(vector_clock const& other) noexcept {
        for (std::size_t i = 0; i < clock.size(); ++i) clock[i] = std::max(clock[i], other[i]);
    }
    void grow(int count) noexcept {
        if (count <= count_) return;
        std::fill(seen_.begin() + count_, seen_.begin() + count, std::int16_t{0});
        count_ = count;
    }

    int count_ = 0;  // those behind have seen nothing but the first store
    std::array<std::int16_t, max_locations> seen_;
};

}  // namespace weft::model::engine
