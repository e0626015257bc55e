// SPDX-License-Identifier: MIT
// How a coroutine suspends so that it can be cancelled, and how that is done. lib/README.md, "Cancellation".
#pragma once

#include <coroutine>
#include <exception>

#include <weft/detail/promise.hpp>
#include <weft/detail/suspension.hpp>

#include "scheduler.hpp"
#include "task_core.hpp"
#include "worker.hpp"

namespace weft::detail {

// How many requests there have been in a scope and around it.
[[nodiscard]] inline request_count requests_in(scope_ref scope) noexcept {
    // relaxed: who must not miss one has the task's list locked, or was resumed by who made it.
    unsigned sum = 0;
    for (inner_scope const* inner = scope.inner(); inner; inner = scope.inner()) {
        sum += inner->requests.load(std::memory_order_relaxed);
        scope = inner->outer;
    }
    return static_cast<request_count>(sum + scope.task()->requests.load(std::memory_order_relaxed));
}

// Starts the timers of the limits that hold in `scope`, where that has not been done. With the task's list locked.
void start_limits(worker& here, scope_ref scope) noexcept;

// Suspends a coroutine. `arm` sees to it that it is resumed; it runs with the task's list locked, perhaps when the coroutine has been
// resumed already elsewhere, and answers false where there is nothing to wait for. A coroutine that has been cancelled goes to the
// back of the line instead. Either way it calls `resumed` when it goes on. False: it does so at once, and need not.
template <class Arm>
bool suspend_cancellably(worker& here, promise_base& suspending, suspension& node, Arm arm) noexcept {
    leave_fork(here, suspending);
    node.coroutine = handle_of(suspending);
    scope_ref const scope = here.scope;
    {
        suspension_list::guard list(scope.task()->suspensions);
        if (scope.inner()) [[unlikely]] start_limits(here, scope);
        if (requests_in(scope) == here.seen) [[likely]] {
            list.add(node);
            node.listed = true;
            if (arm()) return true;
            list.remove(node);
            node.listed = false;
            node.coroutine = nullptr;
            here.stay_in_fork();
            return false;
        }
    }
    here.make_ready(handle_of(suspending));
    return true;
}

// Every task of a group that is alive is cancelled, and those that are spawned from now on before they begin.
void cancel_tasks_of(run_group& group) noexcept;

// All children of the gather have ended, and its parent goes on: has it been cancelled while it waited?
void note_cancellation(join& joined) noexcept;

// The exception of a task that was cancelled.
[[nodiscard]] bool is_cancelled(std::exception_ptr const& exception) noexcept;

}  // namespace weft::detail
