// SPDX-License-Identifier: MIT
#include "run_group.hpp"

namespace weft::detail {

void run_group::begin_run() noexcept {
    std::lock_guard const lock(mutex_);
    draining_.store(false, std::memory_order_relaxed);
    cancelling_.store(false, std::memory_order_relaxed);
    over_ = false;
    ++begun_outside_;
}

bool run_group::begin_task_outside() noexcept {
    std::lock_guard const lock(mutex_);
    if (draining_.load(std::memory_order_relaxed)) return false;
    ++begun_outside_;
    return true;
}

void run_group::undo_begin_outside() noexcept {
    {
        std::lock_guard const lock(mutex_);
        --begun_outside_;
    }
    look();
}

bool run_group::alone() const noexcept {
    std::lock_guard const lock(mutex_);
    sums const now = add_up();
    return now.begun == now.ended + 1;
}

bool run_group::drain() noexcept {
    {
        std::lock_guard const lock(mutex_);
        draining_.store(true, std::memory_order_relaxed);
    }
    // What proves that all have ended needs no fence; only the end that follows a look does.
    if (look()) return true;
    asymmetric_fence::heavy();
    return look();
}

// With the mutex held.
run_group::sums run_group::add_up() const noexcept {
    std::uint64_t ended = 0;
    for (count const& each : counts_) ended += each.ended.load(std::memory_order_acquire);
    std::uint64_t begun = begun_outside_;
    for (count const& each : counts_) begun += each.begun.load(std::memory_order_relaxed);
    return {begun, ended};
}

bool run_group::look() noexcept {
    std::lock_guard const lock(mutex_);
    if (!draining_.load(std::memory_order_relaxed)) return false;
    sums const now = add_up();
    if (now.begun != now.ended) return false;
    over_ = true;
    over_changed_.notify_all();
    return true;
}

bool run_group::wait() noexcept {
    std::unique_lock lock(mutex_);
    over_changed_.wait(lock, [this] { return over_ || given_up_; });
    return over_;
}

void run_group::give_up() noexcept {
    std::lock_guard const lock(mutex_);
    given_up_ = true;
    over_changed_.notify_all();
}

}  // namespace weft::detail
