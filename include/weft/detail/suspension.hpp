// SPDX-License-Identifier: MIT
// What a coroutine waits for, as the cancellation of its task finds it. lib/README.md, "Cancellation".
#pragma once

#include <coroutine>
#include <cstdint>

#include <weft/detail/locked_list.hpp>
#include <weft/detail/scope.hpp>

namespace weft::detail {

enum class waits_for : std::uint8_t {
    timer,       // a sleep: timer_entry
    task_end,    // the end of another task, which is cancelled in its place: waiter
    forwarded,   // the same, and it has been cancelled
    shielded,    // the end of another task, which goes on
    completion,  // the next end of some tasks, which go on: completion_wait
    function,    // the end of a function on another thread: thread_wait
};

// A node in the list of its task. Stands in the awaiter, so waiting allocates nothing.
struct suspension {
    explicit suspension(waits_for what) noexcept : kind(what) {}
    // Its neighbours know it by its address.
    suspension(suspension const&) = delete;
    suspension& operator=(suspension const&) = delete;

    std::coroutine_handle<> coroutine;  // null until it has suspended
    list_hook<suspension> of_task;  // set where it is listed: an await that is ready at once is not to pay for it
    waits_for kind;
    // One byte, so that a sleep takes no more.
    bool listed : 1 = false;            // written by who puts it in, and by who takes it out and resumes the waiter
    bool of_other_runtime : 1 = false;  // under a paused clock only: what it waits for is
    bool watched : 1 = false;           // it is a watched_end, and no coroutine waits
    std::uint8_t unused : 5 = 0;        // else setting the others up would read the byte first
    request_count forwarded_seen = 0;   // with waits_for::forwarded: what the waiter has seen by that
};

using suspension_list = locked_list<suspension, &suspension::of_task>;

// One coroutine that waits for a task's end; stands in its awaiter, so waiting allocates nothing.
struct waiter : suspension {
    explicit waiter(bool shielded = false) noexcept : suspension(shielded ? waits_for::shielded : waits_for::task_end) {}

    list_hook<waiter> of_awaited;  // these two likewise
    promise_base* awaited;
};

using waiter_list = locked_list<waiter, &waiter::of_awaited>;

// Stands in promise_base::waiters once the task has ended: nobody can be added any more. Only its address says something.
WEFT_API extern waiter ended_mark;

}  // namespace weft::detail
