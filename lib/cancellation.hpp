// SPDX-License-Identifier: MIT
// How a coroutine suspends so that it can be cancelled, and how that is done. lib/README.md, "Cancellation".
#pragma once

#include <atomic>
#include <cassert>
#include <coroutine>
#include <exception>

#include <weft/detail/entered_scope.hpp>
#include <weft/detail/promise.hpp>
#include <weft/detail/suspension.hpp>

#include "run_group.hpp"
#include "scheduler.hpp"
#include "task_core.hpp"
#include "worker.hpp"

namespace weft::detail {

// How many requests there have been in a scope and around it.
[[nodiscard]] inline request_count requests_in(scope_ref scope) noexcept {
    // relaxed: who misses one enters the task's list before who has counted it goes through that, or was resumed by who made it.
    unsigned sum = 0;
    for (inner_scope const* inner = scope.inner(); inner; inner = scope.inner()) {
        sum += inner->requests.load(std::memory_order_relaxed);
        scope = inner->outer;
    }
    return static_cast<request_count>(sum + scope.task()->requests.load(std::memory_order_relaxed));
}

// Starts the timers of the limits that hold in `scope`, where that has not been done. With the task's list locked.
void start_limits(worker& here, scope_ref scope) noexcept;
// The same where the worker runs now, with the list not locked.
void start_limits_here(worker& here) noexcept;

// What has been asked has come to those who run in the scope. Answers how much that is.
request_count note_delivery(scope_ref scope) noexcept;

// The task that a listed coroutine waits for is cancelled in its place; by that it has seen the requests that were `asked` before
// that was counted there. One that was counted since finds that there are more, and passes itself on.
inline void note_forwarding(suspension& node, scope_ref scope, request_count asked) noexcept {
    static_cast<void>(note_delivery(scope));
    node.kind = waits_for::forwarded;
    node.forwarded_seen = asked;
}

// Whether a coroutine that has been cancelled passes that on to what it is going to wait for. Where its whole run is cancelled, all
// tasks hear of it anyway, and once is enough.
inline bool passes_on(suspension const& node, scope_ref scope) noexcept {
    return node.kind == waits_for::task_end && !scope.task()->group->cancelling();
}

// Suspends a coroutine. `arm` sees to it that it is resumed; it runs with the task's list locked, perhaps when the coroutine has
// been resumed already elsewhere, and answers false where there is nothing to wait for. A coroutine that has been cancelled goes to
// the back of the line instead; but one that waits for the end of a task waits, and `arm`, which hears of it, cancels that task.
// Either way it calls `resumed` when it goes on. False: it does so at once, and need not.
template <class Arm>
bool suspend_cancellably(worker& here, promise_base& suspending, suspension& node, Arm arm) noexcept {
    leave_fork(here, suspending);
    node.coroutine = handle_of(suspending);
    scope_ref const scope = here.scope;
    {
        suspension_list::guard list(scope.task()->suspensions);
        if (scope.inner()) [[unlikely]] start_limits(here, scope);
        request_count const asked = requests_in(scope);
        bool const cancelled = asked != here.seen;
        if (!cancelled || passes_on(node, scope)) [[likely]] {
            list.add(node);
            node.listed = true;
            if (arm(cancelled)) {
                // The coroutine comes no further than to this list's lock.
                if (cancelled) [[unlikely]] note_forwarding(node, scope, asked);
                return true;
            }
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

// With the lock under which that count is written.
inline void count_one(std::atomic<request_count>& count) noexcept {
    // release. Pairs with: cancelling.
    count.store(static_cast<request_count>(count.load(std::memory_order_relaxed) + 1), std::memory_order_release);
}

// The two halves of a request to cancel a task. It is counted, with the task's waiters locked and its end not marked. Then, with
// nothing locked, it comes to those who wait in the task, which may have ended meanwhile, or to what they await.
void count_request(promise_base& task) noexcept;
void tell_of_request(promise_base& task) noexcept;

// A coroutine with that frame, or none in particular, enters a scope in which it runs here, and leaves it.
void enter(worker& here, inner_scope& scope, void* frame) noexcept;
void leave(worker& here, inner_scope& scope) noexcept;
// `counted` is called when the scope may be left.
void cancel_scope(inner_scope& scope, void (*counted)(inner_scope&) noexcept) noexcept;

// Every task of a group that is alive is cancelled, and those that are spawned from now on before they begin.
void cancel_tasks_of(run_group& group) noexcept;

// All children of the gather have ended, and its parent goes on: has it been cancelled while it waited? The gather tells it, then.
[[nodiscard]] bool note_cancellation(join& joined) noexcept;

// The exception of a task that was cancelled.
[[nodiscard]] bool is_cancelled(std::exception_ptr const& exception) noexcept;

}  // namespace weft::detail
