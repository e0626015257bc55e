// SPDX-License-Identifier: MIT
// The compiled part of what a task is: how it begins (spawn.cpp), becomes ready, and ends (task_core.cpp).
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <source_location>

#include <weft/detail/join.hpp>
#include <weft/detail/promise.hpp>
#include <weft/detail/waiter.hpp>

#include "worker.hpp"

namespace weft::detail {

// On a thread that is no worker of the group's runtime: makes an unstarted coroutine a task of that group, with two references, and
// with the values of context_vars that hold here. It is not scheduled yet. Throws std::bad_alloc, and then has done nothing.
void make_spawned(promise_base& unstarted, run_group& group, std::source_location where);

// Of a task that has not been released yet.
[[nodiscard]] std::source_location spawned_at(promise_base const& task) noexcept;

// A suspended coroutine may go on: into the line of this worker if it belongs to the coroutine's runtime, else through that
// runtime's injector.
WEFT_NOIPA void schedule(promise_base& suspended) noexcept;

// The same for one that has been cancelled. It may have awaited the task of another runtime.
void schedule_cancelled(promise_base& suspended, bool awaited_foreign) noexcept;

// The same for one that has awaited something foreign (scheduler::expect_foreign).
WEFT_NOIPA void schedule_from_abroad(promise_base& suspended) noexcept;

// The same for one that has awaited a function on another thread (scheduler::expect_job).
WEFT_NOIPA void schedule_expected(promise_base& suspended) noexcept;

// The spawned task on whose behalf a suspended coroutine runs, and the run group that this belongs to.
[[nodiscard]] promise_base* task_of(promise_base& suspended) noexcept;
[[nodiscard]] run_group& group_of(promise_base& suspended) noexcept;

// This worker goes on as the gather's parent, or its fork: what it ran meanwhile may have suspended in a scope of its own.
inline void go_on_as_parent(worker& here, join const& joined) noexcept {
    here.scope = joined.parent->scope;
    here.seen = joined.parent->seen;
}

// A coroutine suspends that runs as the worker does.
WEFT_ALWAYS_INLINE void remember_scope(worker const& here, promise_base& suspending) noexcept {
    suspending.scope = here.scope;
    suspending.seen = here.seen;
}

// The coroutine that runs here suspends. Before anybody can find it to resume it.
inline void leave_fork(worker& here, promise_base& suspending) noexcept {
    remember_scope(here, suspending);
    here.leave_fork();
}

// As long as this lives, the worker runs for no task: only a destructor that spawns can tell, and that spawns for this run.
class between_tasks {
public:
    between_tasks(worker& here, run_group& group) noexcept : here_(here), before_(here.scope) {
        nobody_.group = &group;
        std::construct_at(&nobody_.suspensions);
        std::construct_at(&nobody_.requests, request_count{0});
        std::construct_at(&nobody_.taken_back, request_count{0});
        std::construct_at(&nobody_.marks, std::uint8_t{0});
        here.scope = scope_ref(&nobody_);
    }
    between_tasks(between_tasks const&) = delete;
    between_tasks& operator=(between_tasks const&) = delete;
    ~between_tasks() { here_.scope = before_; }

private:
    worker& here_;
    scope_ref const before_;
    promise_base nobody_;
};

// Some of the children of a gather, on top of the present stack, which is that of another of its children. Like fork, but nobody
// waits for them here, and where memory is short, nobody can steal them.
WEFT_NOIPA void run_children(std::coroutine_handle<>* frames, std::size_t count) noexcept;

}  // namespace weft::detail
