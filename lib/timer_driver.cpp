// SPDX-License-Identifier: MIT
#include "timer_driver.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

namespace weft::detail {

timer_driver::timer_driver(unsigned stripes, std::int64_t now) {
    for (unsigned index = 0; index < stripes; ++index) stripes_.emplace_back(now);
}

void timer_driver::arm(timer_entry& entry, unsigned index) noexcept {
    stripe& own = stripes_[index];
    std::lock_guard const lock(own.mutex);
    entry.stripe = static_cast<std::uint16_t>(index);
    std::int64_t const deadline = entry.deadline;
    own.wheel.insert(entry);
    // seq_cst. Pairs with: the load of kept_until_ in `unkept`, by this worker before its next job, against keep_time and
    // stop_keeping_time, which write kept_until_ or `idle` first and read this after. If both were weaker, this and the loads of
    // `earliest` in `unkept`: this worker sees a timekeeper that has just left, which in turn does not see this entry, and nobody
    // keeps its time. One of the two would do: what `unkept` reads, this or a later value, stands between in the one order.
    if (deadline < own.earliest.load(std::memory_order_relaxed)) own.earliest.store(deadline, std::memory_order_seq_cst);
}

bool timer_driver::disarm(timer_entry& entry) noexcept {
    stripe& its = stripes_[entry.stripe];
    std::lock_guard const lock(its.mutex);
    if (entry.slot == timer_entry::in_no_wheel) return false;
    its.wheel.erase(entry);
    if (its.wheel.empty()) its.earliest.store(forever, std::memory_order_relaxed);
    return true;
}

std::int64_t timer_driver::next_expiry() const noexcept {
    std::int64_t earliest = forever;
    for (stripe const& each : stripes_) earliest = std::min(earliest, each.earliest.load(std::memory_order_seq_cst));
    return earliest;
}

timer_list timer_driver::take_due(std::int64_t now) noexcept {
    timer_list all;
    if (next_expiry() > now) return all;
    // Merged two by two, lists of like size with each other, as in a merge sort: sorted[n] is empty or what 2^n stripes had.
    std::array<timer_list, std::numeric_limits<unsigned>::digits> sorted;
    for (stripe& each : stripes_) {
        // relaxed: what is missed here is seen at the next look.
        if (each.earliest.load(std::memory_order_relaxed) > now) continue;
        tbb::spin_mutex::scoped_lock lock;
        if (!lock.try_acquire(each.mutex)) continue;
        timer_list due = each.wheel.advance(now);
        each.earliest.store(each.wheel.next_expiry(), std::memory_order_seq_cst);
        lock.release();
        auto place = sorted.begin();
        for (; !place->empty(); ++place) due = merged(std::exchange(*place, {}), due);
        *place = due;
    }
    for (timer_list const& each : sorted)
        if (!each.empty()) all = merged(each, all);
    return all;
}

std::int64_t timer_driver::keep_time(unsigned worker) noexcept {
    std::lock_guard const lock(keeping_);
    std::int64_t const expiry = next_expiry();
    if (expiry >= kept_until_.load(std::memory_order_relaxed)) return forever;
    timekeeper_.store(worker, std::memory_order_relaxed);
    kept_until_.store(expiry, std::memory_order_seq_cst);
    return expiry;
}

void timer_driver::stop_keeping_time(unsigned worker) noexcept {
    std::lock_guard const lock(keeping_);
    // Another worker may have taken the role for an earlier expiry.
    if (timekeeper_.load(std::memory_order_relaxed) != worker) return;
    timekeeper_.store(nobody, std::memory_order_relaxed);
    // seq_cst. Pairs with: see arm. The caller looks at `unkept` before it runs a job.
    kept_until_.store(forever, std::memory_order_seq_cst);
}

std::size_t timer_driver::armed() const noexcept {
    std::size_t total = 0;
    for (stripe const& each : stripes_) {
        std::lock_guard const lock(each.mutex);
        total += each.wheel.size();
    }
    return total;
}

}  // namespace weft::detail
