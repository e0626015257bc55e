// SPDX-License-Identifier: MIT
#include <weft/detail/group_core.hpp>

#include <algorithm>
#include <new>

#include <weft/error.hpp>

#include "cancellation.hpp"
#include "worker.hpp"

namespace weft::detail {

void group_core::begin_add() {
    if (closed_) throw invalid_state("weft::task_group: the group has ended; spawn in it as long as its body or one of its tasks runs");
    if (cancelled_)
        throw invalid_state("weft::task_group: one of its tasks has failed, or it was cancelled: the others are being cancelled");
    // Before the task is spawned: nothing may fail afterwards. One more failure than children: that of the body.
    if (children_.size() == children_.capacity()) children_.reserve(2 * children_.size() + 8);
    failures_.reserve(children_.capacity() + 1);
}

void group_core::keep(promise_base& child) noexcept {
    // relaxed: the handle has one.
    child.references.fetch_add(1, std::memory_order_relaxed);
    children_.push_back(&child);
}

void group_core::forget_ended() {
    std::vector<promise_base*> ended;
    {
        std::lock_guard const lock(mutex_);
        if (children_.size() < forget_at_) return;
        auto const first = std::partition(children_.begin(), children_.end(), [](promise_base* child) { return !has_ended(*child); });
        ended.assign(first, children_.end());
        children_.erase(first, children_.end());
        forget_at_ = std::max(fewest_to_forget, 2 * children_.size());
    }
    // Without the lock: what the tasks returned may do what it likes when it is destroyed.
    for (promise_base* const child : ended) drop_reference(*child);
}

void group_core::cancel_children() noexcept {
    if (std::exchange(cancelled_, true)) return;
    for (promise_base* const child : children_) static_cast<void>(request_cancel(*child));
}

void group_core::child_failed(std::exception_ptr failure) noexcept {
    WEFT_COMPILER_BARRIER();
    // The group has it.
    mark_retrieved(*this_worker->scope.task());
    std::lock_guard const lock(mutex_);
    failures_.push_back(std::move(failure));
    if (cancelled_) return;
    cancel_children();
    scope_.cancel();
}

void group_core::body_ended(std::exception_ptr const& failure) noexcept {
    if (!failure) return;
    std::lock_guard const lock(mutex_);
    if (is_cancelled(failure))
        interrupted_ = scope_.told_from_around();
    else
        failures_.push_back(failure);
    cancel_children();
}

void group_core::wait_interrupted() noexcept {
    std::lock_guard const lock(mutex_);
    if (scope_.told_from_around()) interrupted_ = true;
    cancel_children();
}

promise_base* group_core::next_alive() noexcept {
    for (;;) {
        promise_base* child = nullptr;
        {
            std::lock_guard const lock(mutex_);
            if (children_.empty()) {
                closed_ = true;
                return nullptr;
            }
            child = children_.back();
            if (!has_ended(*child)) {
                child->references.fetch_add(1, std::memory_order_relaxed);
                return child;
            }
            children_.pop_back();
        }
        drop_reference(*child);
    }
}

void group_core::release(promise_base* child) noexcept {
    drop_reference(*child);
}

group_end group_core::close() noexcept {
    return {std::move(failures_), interrupted_, scope_.told_since(before_)};
}

void group_end::throw_failures() {
    if (failures.empty()) {
        if (interrupted) throw cancelled();
        return;
    }
    // The next await says that it was cancelled, too.
    if (told.any) tell_again(told);
    throw exception_group("weft::with_task_group", std::move(failures));
}

}  // namespace weft::detail
