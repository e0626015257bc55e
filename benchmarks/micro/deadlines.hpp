// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace micro {

// What many sleepers on many threads find out together: the last deadline of all, and who woke before their own.
class deadlines {
public:
    using clock = std::chrono::steady_clock;

    clock::time_point in(clock::duration duration) {
        auto const deadline = clock::now() + duration;
        auto const ticks = deadline.time_since_epoch().count();
        auto seen = last_.load(std::memory_order_relaxed);
        while (seen < ticks && !last_.compare_exchange_weak(seen, ticks, std::memory_order_relaxed)) {
        }
        return deadline;
    }

    void woke(clock::time_point deadline) {
        if (clock::now() < deadline) {
            early_.fetch_add(1, std::memory_order_relaxed);
        }
    }

    clock::time_point last() const { return clock::time_point(clock::duration(last_.load())); }
    std::int64_t early() const { return early_.load(); }

private:
    // Relaxed: only a count and a maximum, read after all have ended.
    std::atomic<std::int64_t> early_{0};
    std::atomic<clock::rep> last_{0};
};

}  // namespace micro
