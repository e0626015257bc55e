// SPDX-License-Identifier: MIT
#include "idle.hpp"

#include <algorithm>

namespace weft::detail {

idle::idle(unsigned workers) : workers_(workers) {
    sleepers_.reserve(workers);
}

bool idle::begin_search() noexcept {
    std::uint64_t counts = counts_.load(std::memory_order_relaxed);
    do {
        std::uint64_t const awake = workers_ - counts / one_asleep;
        if (2 * (counts & searching_mask) >= awake) return false;
    } while (!counts_.compare_exchange_weak(counts, counts + one_searching, std::memory_order_seq_cst, std::memory_order_relaxed));
    return true;
}

idle::census idle::end_search() noexcept {
    return census_of(counts_.fetch_sub(one_searching, std::memory_order_seq_cst) - one_searching);
}

idle::census idle::fall_asleep(unsigned worker, bool searching) {
    std::lock_guard const lock(mutex_);
    sleepers_.push_back(worker);
    std::uint64_t const change = one_asleep - (searching ? one_searching : 0);
    return census_of(counts_.fetch_add(change, std::memory_order_seq_cst) + change);
}

bool idle::rise(unsigned worker, bool to_search) {
    std::lock_guard const lock(mutex_);
    auto const found = std::find(sleepers_.begin(), sleepers_.end(), worker);
    if (found == sleepers_.end()) return false;
    sleepers_.erase(found);
    counts_.fetch_sub(one_asleep - (to_search ? one_searching : 0), std::memory_order_seq_cst);
    return true;
}

std::optional<unsigned> idle::choose_sleeper(unsigned spare) {
    std::lock_guard const lock(mutex_);
    if (!wants_waking()) return std::nullopt;
    // Not empty: the high half changes with the mutex held.
    auto chosen = sleepers_.end() - 1;
    if (*chosen == spare && chosen != sleepers_.begin()) --chosen;
    unsigned const worker = *chosen;
    sleepers_.erase(chosen);
    counts_.fetch_sub(one_asleep - one_searching, std::memory_order_seq_cst);
    return worker;
}

}  // namespace weft::detail
