// SPDX-License-Identifier: MIT
// The clocks that timers go by.
#pragma once

#include <chrono>
#include <cstdint>

#include <weft/detail/paused_time.hpp>

namespace weft::detail {

// Nanoseconds since the steady clock's epoch.
inline std::int64_t steady_now() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The clock of one runtime: the steady clock, or one that stands still.
class runtime_clock {
public:
    explicit runtime_clock(paused_time* paused) noexcept : paused_(paused) {}

    // Null: it is the steady clock.
    [[nodiscard]] paused_time* paused() const noexcept { return paused_; }

    // What it shows when the steady clock shows `steady`, which is now.
    [[nodiscard]] std::int64_t shown_at(std::int64_t steady) const noexcept {
        return paused_ ? paused_->now.load(std::memory_order_relaxed) : steady;
    }
    [[nodiscard]] std::int64_t now() const noexcept { return paused_ ? shown_at(0) : steady_now(); }

private:
    paused_time* const paused_;
};

}  // namespace weft::detail
