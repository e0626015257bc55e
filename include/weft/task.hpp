// SPDX-License-Identifier: MIT
// task<T>: what a weft coroutine returns.
#pragma once

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

#include <weft/detail/promise.hpp>
#include <weft/detail/turn.hpp>
#include <weft/error.hpp>

namespace weft {

// A coroutine that has not started yet. It starts when it is awaited, gathered, spawned or given to run(); one that never is, is
// destroyed with its arguments. T may be void, move-only, or an lvalue reference.
//
//     weft::task<int> answer() { co_return 42; }
//     int n = co_await answer();
//
// Awaiting runs it at once on the awaiting worker, without scheduling, and continues there when it has ended. Only now and
// then, after many such awaits in a row, it begins when others that wait have had their turn: so a loop of them does not keep its
// worker for itself.
//   Resumes on:    a worker of the runtime: as a rule the one on which the task ended (the awaiting one, unless the task itself was
//                  suspended, or has let others go first).
//   Cancellation:  not a cancellation point of its own; the task's own awaits are.
//   Throws:        what the task throws; invalid_state if it is empty or was awaited before; std::bad_alloc where the coroutine is
//                  called and its frame cannot be had.
//   Must outlive:  what reference parameters refer to, and the captures of a lambda, until the task has ended; spawn(callable,
//                  args...) keeps both. The task itself is empty as soon as it is awaited; its frame, with its arguments, lives to
//                  the end of the full expression of the await.
template <class Value = void>
class [[nodiscard("a task does nothing until it is awaited, gathered, spawned or run")]] task {
    static_assert(!std::is_rvalue_reference_v<Value>, "weft::task<T>: T may be an object, an lvalue reference or void");

public:
    using promise_type = detail::promise<Value>;
    using value_type = Value;
    using weft_native_awaitable = void;

    task() noexcept = default;
    task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    task& operator=(task&& other) noexcept {
        task moved(std::move(other));
        std::swap(frame_, moved.frame_);
        return *this;
    }
    task(task const&) = delete;
    task& operator=(task const&) = delete;
    ~task() {
        if (frame_) frame_.destroy();
    }

    // False for a task that was default-constructed, moved from, or awaited.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(frame_); }

    class awaiter;
    awaiter operator co_await() && { return awaiter{std::move(*this)}; }
    // A task is awaited once: write co_await std::move(t).
    awaiter operator co_await() & = delete;
    awaiter operator co_await() const& = delete;

    // For the library: the frame, which is unstarted. Still owned by this task; throws invalid_state where there is none.
    [[nodiscard]] std::coroutine_handle<promise_type> unstarted() const {
        if (!frame_) [[unlikely]] detail::throw_empty_task();
        return std::coroutine_handle<promise_type>::from_address(frame_.address());
    }
    // No longer owned.
    std::coroutine_handle<> release() noexcept { return std::exchange(frame_, nullptr); }

private:
    friend promise_type;
    explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<> frame_;  // all that a task is: a vector of tasks can be read as one of handles (gather.hpp)
};

template <class Value>
class task<Value>::awaiter {
public:
    using weft_native_awaitable = void;

    explicit awaiter(task&& awaited) : frame_(awaited.unstarted()) { awaited.release(); }
    awaiter(awaiter const&) = delete;
    awaiter& operator=(awaiter const&) = delete;
    ~awaiter() {
        frame_.promise().drop_exception();
        frame_.destroy();
    }

    bool await_ready() const noexcept { return false; }

    template <class Promise>
    WEFT_NOINLINE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) const noexcept {
        static_assert(std::derived_from<Promise, detail::promise_base>,
                      "weft::task can be awaited only in a weft::task; from other code use weft::run or weft::runtime::submit");
        frame_.promise().role = detail::role::awaited;
        frame_.promise().link = awaiting.address();
        return detail::begin_awaited(frame_.promise());
    }

    Value await_resume() const { return frame_.promise().take(); }

private:
    std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class Value>
task<Value> promise<Value>::get_return_object() noexcept {
    return task<Value>{std::coroutine_handle<promise>::from_promise(*this)};
}

template <class Value>
task<Value&> promise<Value&>::get_return_object() noexcept {
    return task<Value&>{std::coroutine_handle<promise>::from_promise(*this)};
}

inline task<void> promise<void>::get_return_object() noexcept {
    return task<void>{std::coroutine_handle<promise>::from_promise(*this)};
}

}  // namespace detail
}  // namespace weft
