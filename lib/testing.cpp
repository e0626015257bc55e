// SPDX-License-Identifier: MIT
#include <weft/testing.hpp>

#include <stdexcept>

#include "clock.hpp"

namespace weft::testing {

deadlock::~deadlock() = default;

paused_clock::paused_clock(std::chrono::nanoseconds patience) : time_{detail::steady_now(), patience.count()}, start_(now()) {
    if (patience.count() < 0) throw std::invalid_argument("weft::testing::paused_clock: the patience must not be negative");
}

std::chrono::steady_clock::time_point paused_clock::now() const noexcept {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(time_.now.load(std::memory_order_relaxed)));
}

std::chrono::nanoseconds paused_clock::elapsed() const noexcept {
    return now() - start_;
}

}  // namespace weft::testing
