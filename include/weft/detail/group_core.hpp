// SPDX-License-Identifier: MIT
// What stands behind task_group.
#pragma once

#include <coroutine>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include <weft/detail/config.hpp>
#include <weft/detail/entered_scope.hpp>
#include <weft/detail/waiter.hpp>
#include <weft/spawn.hpp>

namespace weft::detail {

// The failures of a group, and how it ends by them.
struct group_end {
    std::vector<std::exception_ptr> failures;
    bool interrupted = false;
    told_request told;  // from around the group

    WEFT_API void throw_failures();
};

// Made and destroyed in one coroutine, which awaits all children in between.
class WEFT_API group_core {
public:
    group_core() { failures_.reserve(1); }  // the body's

    // Calls `spawn` and keeps a reference to the task. Throws invalid_state where no more are taken.
    template <class Spawn>
    auto add(Spawn spawn) {
        forget_ended();
        std::lock_guard const lock(mutex_);
        begin_add();
        auto handle = spawn();
        keep(handle.promise());
        return handle;
    }

    // In a child: it has failed. The first one cancels the others, and the body.
    WEFT_NOIPA void child_failed(std::exception_ptr failure) noexcept;
    void body_ended(std::exception_ptr const& failure) noexcept;
    // The body has ended, and whoever waits for the children was interrupted.
    void wait_interrupted() noexcept;

    // A child that has not ended, or null: then no more are taken.
    [[nodiscard]] promise_base* next_alive() noexcept;
    // The reference that came with it.
    void release(promise_base* child) noexcept;
    [[nodiscard]] group_end close() noexcept;

private:
    // Those that have ended are of no use any more.
    void forget_ended();

    // With the mutex held:
    void begin_add();
    void keep(promise_base& child) noexcept;
    void cancel_children() noexcept;

    told_so_far const before_ = told_here();
    entered_scope scope_;
    // Recursive: what a task leaves behind when it is cancelled may try to spawn in its destructor, and is told that it cannot.
    std::recursive_mutex mutex_;
    std::vector<promise_base*> children_;  // each with a reference; some have ended
    static constexpr std::size_t fewest_to_forget = 16;
    std::size_t forget_at_ = fewest_to_forget;  // so many are looked through for ended ones
    std::vector<std::exception_ptr> failures_;
    bool cancelled_ = false;    // the children have been
    bool closed_ = false;
    bool interrupted_ = false;  // from around, while it waited
};

// Awaits the end of a task, whatever it came to, without cancelling it.
class end_of_child {
public:
    using weft_native_awaitable = void;

    explicit end_of_child(promise_base& child) noexcept : child_(child), node_(true) {}

    bool await_ready() const noexcept { return has_ended(child_); }
    template <class Promise>
    WEFT_NOINLINE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) {
        return wait_for_end(child_, node_, awaiting.promise());
    }
    void await_resume() {
        if (node_.coroutine) resumed(node_);
    }

private:
    promise_base& child_;
    waiter node_;
};

}  // namespace weft::detail
