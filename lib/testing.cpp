// SPDX-License-Identifier: MIT
#include <weft/testing.hpp>

#include "clock.hpp"

namespace weft::testing {

deadlock::~deadlock() = default;

paused_clock::paused_clock() : time_{detail::steady_now()}, start_(now()) {}

std::chrono::steady_clock::time_point paused_clock::now() const noexcept {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(time_.now.load(std::memory_order_relaxed)));
}

std::chrono::nanoseconds paused_clock::elapsed() const noexcept {
    return now() - start_;
}

}  // namespace weft::testing
