// SPDX-License-Identifier: MIT
// spawn: start a task in the background. join_handle<T>: await its end, or look at its result.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <weft/concepts.hpp>
#include <weft/detail/turn.hpp>
#include <weft/detail/waiter.hpp>
#include <weft/error.hpp>
#include <weft/task.hpp>

namespace weft {

namespace detail {

// A callable and its arguments, kept in the frame of this coroutine until the task they make has ended.
template <class Value, class Callable, class... Args>
task<Value> call_and_await(Callable callable, Args... args) {
    task<Value> called = std::invoke(callable, std::move(args)...);
    co_return co_await std::move(called);
}

template <class Callable, class... Args>
auto task_of_call(Callable&& callable, Args&&... args) {
    using returned = std::remove_cvref_t<std::invoke_result_t<std::decay_t<Callable>&, std::decay_t<Args>...>>;
    return call_and_await<typename returned::value_type, std::decay_t<Callable>, std::decay_t<Args>...>(
        std::forward<Callable>(callable), std::forward<Args>(args)...);
}

}  // namespace detail

// The result of a spawned task. Move-only. Dropping it detaches the task: it goes on, and is never cancelled by that. If it fails
// and nobody has awaited it, options::on_unhandled_exception hears of it when the handle is dropped, at the latest when its run
// ends.
//
// Awaiting:
//   Result:        an lvalue handle gives `T const&`, valid as long as the handle; it may be awaited by many tasks, and again
//                  later. An rvalue handle gives `T`, moved out: then nobody else may look at the value.
//   Resumes on:    a worker of the awaiting task's runtime, through its queue of ready tasks; at once where the task has ended, but
//                  for the turns of others now and then.
//   Cancellation:  where it suspends, the request goes to the task that is awaited, and this goes on when that has ended: by
//                  weft::cancelled as a rule. As in asyncio, that other tasks await it too does not protect it; shield() does.
//   Throws:        what the task threw, to every awaiter; invalid_state for an empty handle or a task that awaits itself.
//   Must outlive:  an lvalue handle, until the await has resumed.
template <class Value = void>
class join_handle {
    using promise_type = detail::promise<Value>;
    using peeked = std::conditional_t<std::is_void_v<Value> || std::is_reference_v<Value>, Value,
                                      std::add_lvalue_reference_t<std::add_const_t<Value>>>;

public:
    using value_type = Value;
    using weft_native_awaitable = void;

    join_handle() noexcept = default;
    join_handle(join_handle&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
    join_handle& operator=(join_handle&& other) noexcept {
        join_handle moved(std::move(other));
        std::swap(task_, moved.task_);
        return *this;
    }
    join_handle(join_handle const&) = delete;
    join_handle& operator=(join_handle const&) = delete;
    ~join_handle() {
        if (task_) detail::drop_reference(*task_);
    }

    // False for a default-constructed or moved-from handle. Every call below throws invalid_state on such a one.
    [[nodiscard]] bool valid() const noexcept { return task_ != nullptr; }

    // Whether the task has ended, by a value or an exception. Any thread may ask; so for result() and exception().
    [[nodiscard]] bool done() const { return detail::has_ended(checked()); }

    // The value of a task that has ended, or its exception rethrown; invalid_state where it has not ended.
    peeked result() const& { return ended().get(); }
    Value result() && { return ended().take(); }

    // The exception of a task that has ended, null if it returned a value; invalid_state where it has not ended.
    [[nodiscard]] std::exception_ptr exception() const {
        promise_type& task = ended();
        return task.outcome == detail::outcome::exception ? task.exception : std::exception_ptr{};
    }

    // Asks the task to end: the await in which it waits, or else the next one that is a cancellation point, throws
    // weft::cancelled in it. Returns at once; co_await the handle to know the end. A task that has not begun never does. One that
    // awaits another task's handle passes the request on to that task, and goes on when that has ended (shield() prevents it). The
    // task may catch the exception, put things in order, even go on: then it is not cancelled. False: it has ended already.
    bool cancel() { return detail::request_cancel(checked()); }
    // Whether it has ended by weft::cancelled.
    [[nodiscard]] bool cancelled() const { return done() && checked().state.was_cancelled; }
    // How many times it was asked, less those that uncancel took back; this returns how many are left. Whoever takes a request back
    // has dealt with it: where none is left, one that has not come to the coroutine yet does not come any more, if it is one of the
    // task itself that calls. In a gather, others of its children may still be told.
    [[nodiscard]] int cancelling() const { return detail::cancelling(checked()); }
    int uncancel() { return detail::uncancel(checked()); }

    // Its name: "task-" and its id where it was given none; an empty name takes one away. The id is a number that no other task of
    // the process has, from 1, in the order in which somebody first asks for it, by id() or name(). Throw std::bad_alloc.
    [[nodiscard]] std::string name() const { return detail::task_name(checked()); }
    void set_name(std::string name) const { detail::set_task_name(checked(), std::move(name)); }
    [[nodiscard]] std::uint64_t id() const { return detail::task_id(checked()); }

    template <bool Consume>
    class awaiter;
    awaiter<false> operator co_await() const& { return awaiter<false>{checked(), false}; }
    awaiter<true> operator co_await() && { return awaiter<true>{checked(), false}; }

    // For the library: what shield awaits.
    awaiter<false> shielded() const& { return awaiter<false>{checked(), true}; }
    awaiter<true> shielded() && { return awaiter<true>{checked(), true}; }

    // For the library: the task. Throws invalid_state for an empty handle.
    detail::promise_base& promise() const { return checked(); }
    // For the library: a handle that takes over one reference.
    explicit join_handle(std::coroutine_handle<promise_type> task) noexcept : task_(&task.promise()) {}

private:
    promise_type& checked() const {
        if (!task_) [[unlikely]] detail::throw_empty_handle();
        return *task_;
    }
    promise_type& ended() const {
        if (!done()) [[unlikely]] detail::throw_not_done();
        if (task_->outcome == detail::outcome::exception) detail::mark_retrieved(*task_);
        return *task_;
    }

    promise_type* task_ = nullptr;
};

template <class Value>
template <bool Consume>
class join_handle<Value>::awaiter {
public:
    using weft_native_awaitable = void;

    awaiter(promise_type& task, bool shielded) noexcept : task_(&task), node_(shielded) {}

    bool await_ready() const noexcept { return detail::has_ended(*task_) && !detail::must_let_others_go(); }

    template <class Promise>
    WEFT_NOINLINE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) {
        static_assert(std::derived_from<Promise, detail::promise_base>,
                      "weft::join_handle can be awaited only in a weft::task; from other code use weft::runtime::submit");
        return detail::wait_for_end(*task_, node_, awaiting.promise());
    }

    std::conditional_t<Consume, Value, peeked> await_resume() {
        if (node_.coroutine) detail::resumed(node_);
        if (task_->outcome == detail::outcome::exception) [[unlikely]] {
            detail::mark_retrieved(*task_);
            if (node_.coroutine) detail::rethrow_to(detail::promise_of(node_.coroutine.address()), task_->exception);
        }
        if constexpr (Consume)
            return task_->take();
        else
            return task_->get();
    }

private:
    promise_type* task_;
    detail::waiter node_;
};

// Schedules the task on the current runtime, behind what is ready already, and returns at once. The runtime keeps it alive until it
// has ended. `where` appears in the report of an exception that nobody awaited.
//   Throws: no_current_runtime outside a worker; runtime_closed while the runtime is being destroyed; invalid_state for an empty
//           task; std::bad_alloc. The task is then destroyed unstarted.
template <class Value>
join_handle<Value> spawn(task<Value> work, std::source_location where = std::source_location::current()) {
    auto const frame = work.unstarted();
    detail::spawn_on_current_runtime(frame.promise(), where);
    work.release();
    return join_handle<Value>(frame);
}

// What a task can be told at its start: spawn(work(), {.name = "work"}).
struct task_options {
    std::string name = {};  // empty: none of its own
};

template <class Value>
join_handle<Value> spawn(task<Value> work, task_options settings, std::source_location where = std::source_location::current()) {
    auto const frame = work.unstarted();
    detail::spawn_on_current_runtime(frame.promise(), where, settings.name.empty() ? nullptr : &settings.name);
    work.release();
    return join_handle<Value>(frame);
}

// The same for callable(args...). The callable and the arguments, decayed as std::thread does it, live until the task has ended:
// this is how a lambda with captures becomes a task safely.
template <class Callable>
    requires(!detail::is_task<Callable>::value)
auto spawn(Callable&& callable, std::source_location where = std::source_location::current()) {
    static_assert(task_function<Callable>, "weft::spawn takes a weft::task by value (std::move a named one), or a callable returning one");
    return spawn(detail::task_of_call(std::forward<Callable>(callable)), where);
}

template <class Callable>
    requires(!detail::is_task<Callable>::value)
auto spawn(Callable&& callable, task_options settings, std::source_location where = std::source_location::current()) {
    static_assert(task_function<Callable>, "weft::spawn takes a weft::task by value (std::move a named one), or a callable returning one");
    return spawn(detail::task_of_call(std::forward<Callable>(callable)), std::move(settings), where);
}

// With arguments. C++ has no place for `where` behind them: a report then says so.
template <class Callable, class First, class... Rest>
    requires(!detail::is_task<std::remove_cvref_t<Callable>>::value && !std::same_as<std::remove_cvref_t<First>, task_options>)
auto spawn(Callable&& callable, First&& first, Rest&&... rest) {
    static_assert(task_function<Callable, First, Rest...>, "weft::spawn: the callable must accept these arguments and return a weft::task");
    return spawn(detail::task_of_call(std::forward<Callable>(callable), std::forward<First>(first), std::forward<Rest>(rest)...),
                 std::source_location{});
}

}  // namespace weft
