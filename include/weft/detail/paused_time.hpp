// SPDX-License-Identifier: MIT
// What stands behind a testing::paused_clock, and what its runtime must know to move it.
#pragma once

#include <atomic>
#include <cstddef>
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

    // What lib/README.md, "A paused clock", argues about; all accesses are seq_cst.
    std::atomic<std::size_t> expected{0};  // jobs that another thread is handing in
    std::atomic<std::size_t> foreign{0};   // tasks that await something that is not weft's
    // When one of these last began or came, in nanoseconds of the steady clock. Patience begins then. relaxed: written before
    // `foreign` changes, which publishes it.
    std::atomic<std::int64_t> foreign_since{0};
};

}  // namespace weft::detail
