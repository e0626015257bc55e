// SPDX-License-Identifier: MIT
// as_completed: the tasks of a set one by one, as they end.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

#include <weft/detail/completions.hpp>
#include <weft/sleep.hpp>
#include <weft/spawn.hpp>
#include <weft/task.hpp>
#include <weft/timeout.hpp>

namespace weft {

// What as_completed returns. A local variable: it cannot be moved. If it goes before all tasks have ended, these go on, detached.
template <class Value>
class completion_stream {
public:
    completion_stream(completion_stream const&) = delete;
    completion_stream& operator=(completion_stream const&) = delete;
    ~completion_stream() = default;

    // How many tasks next() has not given yet.
    [[nodiscard]] std::size_t remaining() const noexcept { return remaining_; }

    // The handle of the next task that has ended, whatever it came to; nothing once all have been given. One coroutine at a time
    // may ask, each time anew.
    //   Resumes on:    a worker of the asking task's runtime; at once where one has ended already, but for the turns of others now
    //                  and then.
    //   Cancellation:  a cancellation point where it suspends; the tasks go on, and the next one is not lost.
    //   Throws:        timeout_error when the time has passed, each time, as long as no other task has ended (asyncio gives no more
    //                  then, whoever ends); weft::cancelled.
    //   Must outlive:  the stream, the await.
    task<std::optional<join_handle<Value>>> next() {
        if (remaining_ == 0) co_return std::nullopt;
        std::optional<std::size_t> index;
        if (deadline_ == detail::forever) {
            index = co_await ends_.next();
        } else {
            try {
                auto const limit = co_await detail::timeout_awaitable(detail::measured::from_epoch, deadline_);
                index = co_await ends_.next();
            } catch (timeout_error const&) {
                // It may have passed since one has ended.
                index = ends_.try_next();
                if (!index) throw;
            }
        }
        --remaining_;
        co_return std::move(handles_[*index]);
    }

    // For the library.
    completion_stream(std::vector<join_handle<Value>> handles, std::int64_t deadline)
        : handles_(std::move(handles)), ends_(handles_.size()), remaining_(handles_.size()), deadline_(deadline) {
        for (join_handle<Value> const& handle : handles_) static_cast<void>(handle.promise());  // throws for an empty one
        for (std::size_t index = 0; index < handles_.size(); ++index) ends_.watch(index, handles_[index].promise());
    }

private:
    std::vector<join_handle<Value>> handles_;
    detail::completions ends_;
    std::size_t remaining_;
    std::int64_t deadline_;
};

namespace detail {

template <class Value>
std::vector<join_handle<Value>> spawn_all(std::vector<task<Value>> tasks, std::source_location where) {
    std::vector<join_handle<Value>> handles;
    handles.reserve(tasks.size());
    for (task<Value> const& each : tasks) static_cast<void>(each.unstarted());
    for (task<Value>& each : tasks) handles.push_back(spawn(std::move(each), where));
    return handles;
}

}  // namespace detail

// The tasks of these handles in the order in which they end; with several workers, in which that is noticed.
//
//     auto pages = weft::as_completed(std::move(handles));
//     while (auto page = co_await pages.next()) show(page->result());
//
// Tasks that have not been spawned are, all at once; reports and deadlocks then name them by `where`, the call. None is ever
// cancelled by this. With a `timeout`, which counts from the call, next() throws once it has passed. Where spawning them throws, those
// before go on, detached.
//   Throws: invalid_state for an empty handle or task; as spawn, no_current_runtime outside a task also for handles;
//           std::invalid_argument for NaN.
template <class Value>
completion_stream<Value> as_completed(std::vector<join_handle<Value>> handles) {
    return {std::move(handles), detail::forever};
}
template <class Value, class Rep, class Period>
completion_stream<Value> as_completed(std::vector<join_handle<Value>> handles, std::chrono::duration<Rep, Period> timeout) {
    return {std::move(handles), detail::moment_in(detail::saturated_nanoseconds(timeout))};
}
template <class Value>
completion_stream<Value> as_completed(std::vector<task<Value>> tasks, std::source_location where = std::source_location::current()) {
    return {detail::spawn_all(std::move(tasks), where), detail::forever};
}
template <class Value, class Rep, class Period>
completion_stream<Value> as_completed(std::vector<task<Value>> tasks, std::chrono::duration<Rep, Period> timeout,
                                      std::source_location where = std::source_location::current()) {
    std::int64_t const deadline = detail::moment_in(detail::saturated_nanoseconds(timeout));
    return {detail::spawn_all(std::move(tasks), where), deadline};
}

}  // namespace weft
