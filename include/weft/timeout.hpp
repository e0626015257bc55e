// SPDX-License-Identifier: MIT
// timeout, timeout_at, wait_for: time limits. deadline: the one that holds here.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <weft/concepts.hpp>
#include <weft/detail/promise.hpp>
#include <weft/detail/time_limit.hpp>
#include <weft/detail/turn.hpp>
#include <weft/error.hpp>
#include <weft/gather.hpp>
#include <weft/sleep.hpp>
#include <weft/task.hpp>

namespace weft {

// A time limit for what a coroutine awaits as long as this object lives; made by co_await timeout(...):
//
//     try {
//         auto limit = co_await weft::timeout(2s);
//         auto page = co_await fetch(address);
//         co_await store(page);
//     } catch (weft::timeout_error const&) {
//         ...
//     }
//
// When the time has come and the coroutine, or what it awaits, waits for something, that await throws weft::cancelled; where it
// reaches the coroutine that has made the limit, it is a timeout_error instead. Limits may stand inside each other, and in tasks
// that are cancelled: a coroutine whose limit has passed and which has also been cancelled from outside, or by an outer limit, is
// told so by weft::cancelled. What only computes is not interrupted; nor is what the coroutine awaits after an exception was caught
// inside the limit: a limit passes once.
//   Unlike asyncio, where the exception becomes a TimeoutError at the end of the block only: inside the block, but in this very
// coroutine, it is a timeout_error already, and a handler there would take it for another one's. So the total limit of a loop that
// catches timeout_error stands around a coroutine of its own: wait_for(retry(...), total).
//   Lifetime: a local variable of the coroutine that has awaited timeout().
class WEFT_API [[nodiscard]] timeout_scope {
public:
    using time_point = std::chrono::steady_clock::time_point;

    timeout_scope(timeout_scope const&) = delete;
    timeout_scope& operator=(timeout_scope const&) = delete;
    ~timeout_scope() { detail::leave_limited(scope_); }

    // When it passes; nothing where there is no limit.
    [[nodiscard]] std::optional<time_point> when() const noexcept;
    // Another moment, or none. By the coroutine that has made it, or what that awaits. Throws invalid_state once it has passed,
    // std::bad_alloc.
    WEFT_NOIPA void reschedule(std::optional<time_point> when);
    // Whether it has passed, and cancelled what was awaited.
    [[nodiscard]] bool expired() const noexcept;

private:
    friend detail::timeout_awaitable;
    timeout_scope(detail::promise_base& coroutine, std::int64_t deadline) { detail::enter_limited(scope_, coroutine, deadline); }

    detail::inner_scope scope_;
};

namespace detail {

class [[nodiscard("co_await it: only then is there a limit")]] timeout_awaitable {
public:
    using weft_native_awaitable = void;

    timeout_awaitable(measured from, std::int64_t time) noexcept : time_(time), from_(from) {}

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    WEFT_NOINLINE_SUSPEND bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        static_assert(std::derived_from<Promise, promise_base>, "weft::timeout can be awaited only in a weft::task");
        coroutine_ = &coroutine.promise();
        bool const waits = must_let_others_go();
        if (waits) let_others_go(*coroutine_);
        return waits;
    }
    timeout_scope await_resume() const {
        return timeout_scope(*coroutine_, from_ == measured::from_await ? moment_in(time_) : time_);
    }

private:
    std::int64_t time_;  // nanoseconds: how long, or since the epoch
    promise_base* coroutine_ = nullptr;
    measured from_;
};

template <class Value>
task<Value> await_within(task<Value> awaited, std::int64_t duration) {
    auto const limit = co_await timeout_awaitable(measured::from_await, duration);
    co_return co_await std::move(awaited);
}

}  // namespace detail

// co_await timeout(2s) gives a timeout_scope that passes after 2 seconds, measured from the await on; timeout_at(moment) at that
// moment. A limit of zero or less, or a moment that has passed, holds too: the first await that would wait throws.
//   Resumes on:    this worker, at once; where it lets others go first, now and then, any worker.
//   Cancellation:  not a cancellation point.
//   Throws:        std::invalid_argument for NaN, from the call itself; std::bad_alloc.
//   Must outlive:  nothing.
template <class Rep, class Period>
detail::timeout_awaitable timeout(std::chrono::duration<Rep, Period> duration) {
    return {detail::measured::from_await, detail::saturated_nanoseconds(duration)};
}
template <class Duration>
detail::timeout_awaitable timeout_at(std::chrono::time_point<std::chrono::steady_clock, Duration> moment) {
    return {detail::measured::from_epoch, detail::saturated_nanoseconds(moment.time_since_epoch())};
}
// No limit yet: reschedule sets it.
inline detail::timeout_awaitable timeout(std::nullopt_t) noexcept {
    return {detail::measured::from_epoch, detail::forever};
}

// Awaits what it is given, a task, a handle, a gather or anything else, and gives its value; or throws timeout_error when
// `duration` has passed, after what was awaited has been cancelled and has ended. So it may take longer; and if that returns a
// value or throws another exception when it is cancelled, this is what comes. The task of a handle is cancelled, too:
// wait_for(shield(handle), ...) leaves it alone.
//   Resumes on:    as the awaitable.
//   Cancellation:  a cancellation point where the awaitable is one.
//   Throws:        timeout_error; what the awaitable throws; std::invalid_argument for NaN.
//   Must outlive:  a named awaitable, the await.
template <awaitable Awaitable, class Rep, class Period>
auto wait_for(Awaitable&& awaitable, std::chrono::duration<Rep, Period> duration) {
    return detail::await_within(detail::child_task(std::forward<Awaitable>(awaitable)), detail::saturated_nanoseconds(duration));
}

// When the nearest of the limits passes that hold for the coroutine that calls; nothing where there is none. A spawned task does
// not inherit the limits of who spawns it. Outside a task: nothing.
[[nodiscard]] WEFT_API WEFT_NOIPA std::optional<std::chrono::steady_clock::time_point> deadline() noexcept;

}  // namespace weft
