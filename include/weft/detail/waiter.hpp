// SPDX-License-Identifier: MIT
// How a coroutine waits for the end of a spawned task, and what a handle asks of the compiled core.
#pragma once

#include <coroutine>
#include <cstdint>
#include <source_location>
#include <string>

#include <weft/detail/promise.hpp>

namespace weft::detail {

// acquire. Pairs with: mark_ended (lib/task_core.cpp), which unlocks the list. Makes visible: outcome and value. If weaker: a
// reader that sees the end might read a value that is not there yet.
inline bool has_ended(promise_base const& task) noexcept {
    return task.waiters.peek(std::memory_order_acquire) == &ended_mark;
}

// Of one that has.
inline bool has_failed(promise_base const& task) noexcept {
    return task.outcome == outcome::exception;
}

// Makes an unstarted coroutine a task of the current runtime, with two references, and schedules it. Null: no name.
// Throws no_current_runtime, runtime_closed, std::bad_alloc; the coroutine is then untouched.
WEFT_API WEFT_NOIPA void spawn_on_current_runtime(promise_base& unstarted, std::source_location where, std::string* name = nullptr);

// Suspends `waiting` until `task` has ended; returns what runs next, which is `waiting` itself if the end has come meanwhile.
// Throws invalid_state where a task waits for itself. Once it has suspended, it calls `resumed` first of all.
WEFT_API WEFT_NOIPA std::coroutine_handle<> wait_for_end(promise_base& task, waiter& node, promise_base& waiting);

// For join_handle's members of like names.
WEFT_API WEFT_NOIPA bool request_cancel(promise_base& task) noexcept;
[[nodiscard]] WEFT_API int cancelling(promise_base const& task) noexcept;
WEFT_API WEFT_NOIPA int uncancel(promise_base& task) noexcept;

[[nodiscard]] WEFT_API std::uint64_t task_id(promise_base& task);
[[nodiscard]] WEFT_API std::string task_name(promise_base& task);
WEFT_API void set_task_name(promise_base& task, std::string name);

// Somebody has seen the exception: it is not reported as unhandled.
WEFT_API WEFT_NOINLINE void mark_retrieved(promise_base& failed) noexcept;

// Drops one reference; the last one reports an exception that nobody has seen, and frees the frame.
WEFT_API WEFT_NOINLINE void drop_reference(promise_base& task) noexcept;

}  // namespace weft::detail
