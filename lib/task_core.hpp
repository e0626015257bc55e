// SPDX-License-Identifier: MIT
// The compiled part of what a task is: how it begins, becomes ready, and ends.
#pragma once

#include <coroutine>
#include <cstddef>
#include <source_location>

#include <weft/detail/promise.hpp>
#include <weft/detail/waiter.hpp>

#include "worker.hpp"

namespace weft::detail {

// Makes an unstarted coroutine a task of that group, with two references. It is not scheduled yet. Throws std::bad_alloc under a
// paused clock, and then has done nothing.
void make_spawned(promise_base& unstarted, run_group& group, std::source_location where);
// Back to an unstarted coroutine, where it could not be scheduled.
void unmake_spawned(promise_base& task) noexcept;

// A suspended coroutine may go on: into the line of this worker if it belongs to the coroutine's runtime, else through that
// runtime's injector.
WEFT_NOIPA void schedule(promise_base& suspended) noexcept;

// The same for one that has awaited something foreign (scheduler::expect_foreign).
WEFT_NOIPA void schedule_from_abroad(promise_base& suspended) noexcept;

// The spawned task on whose behalf a suspended coroutine runs, and the run group that this belongs to.
[[nodiscard]] promise_base* task_of(promise_base& suspended) noexcept;
[[nodiscard]] run_group& group_of(promise_base& suspended) noexcept;

// The coroutine that runs here suspends. Before anybody can find it to resume it.
inline void leave_fork(worker& here, promise_base& suspending) noexcept {
    suspending.owner = here.running;
    here.leave_fork();
}

// Some of the children of a gather, on top of the present stack, which is that of another of its children. Like fork, but nobody
// waits for them here, and where memory is short, nobody can steal them.
WEFT_NOIPA void run_children(std::coroutine_handle<>* frames, std::size_t count) noexcept;

}  // namespace weft::detail
