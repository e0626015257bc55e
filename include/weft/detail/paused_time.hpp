// SPDX-License-Identifier: MIT
// What stands behind a testing::paused_clock.
#pragma once

#include <atomic>
#include <cstdint>

namespace weft::detail {

struct paused_time {
    // What the clock shows, in nanoseconds since the steady clock's epoch. Written by a worker while all are asleep. relaxed:
    // whoever must see a change is woken after it.
    std::atomic<std::int64_t> now;
    // Nanoseconds of the steady clock that it waits, before it moves, for what tasks await that is not weft's.
    std::int64_t const patience;
    // Whether a runtime goes by it.
    std::atomic<bool> taken{false};
};

}  // namespace weft::detail
