// SPDX-License-Identifier: MIT
// shield: wait for a task without cancelling it.
#pragma once

#include <source_location>
#include <utility>

#include <weft/spawn.hpp>
#include <weft/task.hpp>

namespace weft {

namespace detail {

template <class Value>
class [[nodiscard("co_await it")]] shielded_handle {
public:
    using weft_native_awaitable = void;

    explicit shielded_handle(join_handle<Value> const& handle) noexcept : handle_(&handle) {}

    auto operator co_await() const { return handle_->shielded(); }

private:
    join_handle<Value> const* handle_;
};

// For gather and first, which keep values: a copy.
template <class Value>
task<Value> as_task(shielded_handle<Value> handle) {
    co_return co_await handle;
}

template <class Value>
task<Value> await_shielded(join_handle<Value> handle) {
    co_return co_await std::move(handle).shielded();
}

template <class Value>
task<Value> spawn_and_shield(task<Value> work, std::source_location where) {
    co_return co_await spawn(std::move(work), where).shielded();
}

}  // namespace detail

// co_await shield(handle) waits for the task as co_await handle does. Where the coroutine that waits is cancelled, or its time
// limit passes, it goes on at once, and the task goes on, too: it is not cancelled. If the task itself is cancelled, so is who
// waits.
//   Result:        as that of the handle, which may be a temporary.
//   Resumes on:    a worker of the awaiting task's runtime.
//   Cancellation:  a cancellation point where it suspends.
//   Throws:        what the task threw; invalid_state for an empty handle or a task that awaits itself.
//   Must outlive:  a named handle, the await.
template <class Value>
detail::shielded_handle<Value> shield(join_handle<Value> const& handle) noexcept {
    return detail::shielded_handle<Value>(handle);
}
template <class Value>
task<Value> shield(join_handle<Value>&& handle) {
    return detail::await_shielded(std::move(handle));
}

// The same for a task that has not begun: it is spawned when this is awaited. If who waits is cancelled, it goes on in the
// background until the main task of its run ends, which cancels it, and a failure is reported as that of any task that nobody
// awaits.
//   Resumes on, Cancellation, Must outlive: as above.
//   Throws:        what the task threw; as spawn.
template <class Value>
task<Value> shield(task<Value> work, std::source_location where = std::source_location::current()) {
    return detail::spawn_and_shield(std::move(work), where);
}

}  // namespace weft
