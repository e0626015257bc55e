// SPDX-License-Identifier: MIT
// wait: for some or all of several tasks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <weft/detail/entered_scope.hpp>
#include <weft/detail/group_core.hpp>
#include <weft/gather.hpp>
#include <weft/sleep.hpp>
#include <weft/spawn.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>

namespace weft {

// When wait goes on: as soon as one task has ended; as soon as one has failed, which does not mean cancelled, or all have ended; or
// when all have ended.
enum class return_when { first_completed, first_exception, all_completed };
inline constexpr return_when first_completed = return_when::first_completed;
inline constexpr return_when first_exception = return_when::first_exception;
inline constexpr return_when all_completed = return_when::all_completed;

// The handles that wait was given: of tasks that have ended, and of the others, each in the order in which they were given.
template <class Value>
struct wait_result {
    std::vector<join_handle<Value>> done;
    std::vector<join_handle<Value>> pending;
};

namespace detail {

template <class Value>
task<> watch(join_handle<Value> const& handle, return_when when, entered_scope& others) {
    co_await end_of_child(handle.promise());
    bool const failed = !handle.cancelled() && has_failed(handle.promise());
    if (when == return_when::first_completed || (when == return_when::first_exception && failed)) others.cancel();
}

template <class Value>
task<wait_result<Value>> wait_until(std::vector<join_handle<Value>> handles, return_when when, std::int64_t duration) {
    if (handles.empty()) throw std::invalid_argument("weft::wait: there is nothing to wait for; pass at least one handle");
    for (join_handle<Value> const& handle : handles) static_cast<void>(handle.promise());  // throws for an empty one
    std::vector<task<>> watchers;
    watchers.reserve(handles.size());
    {
        bool from_around = false;
        // Around the limit: else one that passes once a watcher has cancelled this would be taken for a request from around.
        entered_scope all;
        auto const limit = co_await timeout_awaitable(measured::from_await, duration);
        for (join_handle<Value> const& handle : handles) watchers.push_back(watch(handle, when, all));
        try {
            co_await gather(std::move(watchers));
        } catch (timeout_error const&) {
            // Those that have not ended are pending.
        } catch (cancelled const&) {
            from_around = all.told_from_around();  // else by a watcher
        }
        if (from_around) throw_cancelled();
    }
    wait_result<Value> result;
    for (join_handle<Value>& handle : handles) (handle.done() ? result.done : result.pending).push_back(std::move(handle));
    co_return result;
}

}  // namespace detail

// Waits for tasks, cancels none, and throws nothing that they have thrown: whoever awaits the handles in `done` hears of it.
//
//     auto [done, pending] = co_await weft::wait(std::move(handles), weft::first_completed);
//
//   Result:        the handles, those of tasks that have ended and the others. After `timeout`, too: no exception says so.
//   Resumes on:    a worker of the runtime; at once where all of the tasks have ended already, but for the turns of others now and
//                  then; where only what is waited for has happened, behind what is ready.
//   Cancellation:  a cancellation point where it suspends; the tasks go on, but the handles are dropped.
//   Throws:        std::invalid_argument for no handles, and for NaN; invalid_state for an empty handle, and for that of the
//                  task which waits; weft::cancelled; std::bad_alloc.
//   Must outlive:  nothing.
template <class Value>
task<wait_result<Value>> wait(std::vector<join_handle<Value>> handles, return_when when = all_completed) {
    return detail::wait_until(std::move(handles), when, detail::forever);
}
template <class Value, class Rep, class Period>
task<wait_result<Value>> wait(std::vector<join_handle<Value>> handles, return_when when, std::chrono::duration<Rep, Period> timeout) {
    return detail::wait_until(std::move(handles), when, detail::saturated_nanoseconds(timeout));
}

}  // namespace weft
