// SPDX-License-Identifier: MIT
// Clock and wheel: the shared timer wheel of a runtime, and who watches the time. lib/README.md, "Timers", has the protocol.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>

#include <oneapi/tbb/spin_mutex.h>

#include <weft/detail/config.hpp>
#include <weft/detail/timer_entry.hpp>

#include "timer_wheel.hpp"

namespace weft::detail {

// The wheel is cut into stripes, one for each worker: a worker arms on its own, so arming does not serialise the workers; any
// worker takes what is due from all of them, and an entry can be disarmed from anywhere.
//
// The timekeeper is the sleeping worker that parks with the next expiry as its deadline; there is at most one. It is the duty of a
// worker that is about to run a job to see to it that time is kept (`unkept`), while another one sleeps.
class timer_driver {
public:
    static constexpr unsigned nobody = std::numeric_limits<unsigned>::max();

    timer_driver(unsigned stripes, std::int64_t now);

    // Arms an entry, whose deadline and coroutine are set, on a stripe. It may be fired, and gone, when this returns.
    void arm(timer_entry& entry, unsigned stripe) noexcept;

    // True: taken out. False: it was not armed any more, and its coroutine has been or is being scheduled.
    bool disarm(timer_entry& entry) noexcept;

    // The earliest deadline of all; `forever` when there is none. May be too early after a disarm; that costs one look.
    [[nodiscard]] std::int64_t next_expiry() const noexcept;

    // Takes out what is due at `now` and gives it to `fire`: over all stripes by ticks in order of deadline, within a
    // tick in the order in which they were armed. Returns how many. Leaves a stripe to whoever has its lock.
    template <class Fire>
    std::size_t fire_due(std::int64_t now, Fire fire) {
        timer_list due = take_due(now);
        std::size_t fired = 0;
        while (timer_entry* const entry = due.pop_front()) {
            fire(*entry);
            ++fired;
        }
        return fired;
    }

    // The caller is about to park: it becomes the timekeeper if nobody watches for the next expiry. Returns when to wake, `forever`
    // for who does not keep time. If it kept it, it calls stop_keeping_time when it is awake.
    [[nodiscard]] std::int64_t keep_time(unsigned worker) noexcept;
    void stop_keeping_time(unsigned worker) noexcept;

    // Whether an expiry comes before the timekeeper's, or there is none.
    [[nodiscard]] bool unkept() const noexcept { return next_expiry() < kept_until_.load(std::memory_order_seq_cst); }
    [[nodiscard]] unsigned timekeeper() const noexcept { return timekeeper_.load(std::memory_order_relaxed); }

    // For the watchdog's report.
    [[nodiscard]] std::size_t armed() const noexcept;
    // Calls visit(entry) for every one.
    template <class Visit>
    void each_armed(Visit visit) const {
        for (stripe const& each : stripes_) {
            std::lock_guard const lock(each.mutex);
            each.wheel.each([&](timer_entry const& entry) { visit(entry); });
        }
    }

private:
    struct alignas(config::destructive_interference) stripe {
        explicit stripe(std::int64_t now) : wheel(now) {}

        // The wheel's next expiry; written with the mutex held.
        std::atomic<std::int64_t> earliest{forever};
        mutable tbb::spin_mutex mutex;
        timer_wheel wheel;
    };

    [[nodiscard]] timer_list take_due(std::int64_t now) noexcept;

    std::deque<stripe> stripes_;  // neither copied nor moved

    // Written with the mutex held.
    alignas(config::destructive_interference) std::atomic<std::int64_t> kept_until_{forever};
    std::atomic<unsigned> timekeeper_{nobody};
    tbb::spin_mutex keeping_;
};

}  // namespace weft::detail
