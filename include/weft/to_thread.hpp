// SPDX-License-Identifier: MIT
// to_thread: call a function that blocks, on a thread that may be blocked.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/concepts.hpp>
#include <weft/detail/promise.hpp>
#include <weft/detail/storage.hpp>
#include <weft/detail/thread_job.hpp>
#include <weft/task.hpp>

namespace weft {

namespace detail {

// Suspends `awaiting` until the function has ended. Throws std::system_error or std::bad_alloc, and has not suspended it, where
// there is no thread and none can be started.
WEFT_API WEFT_NOIPA void suspend_for_function(thread_wait& wait, promise_base& awaiting);

// The part of a job that whoever awaits it knows.
template <class Value>
struct function_end : thread_job {
    using thread_job::thread_job;
    ~function_end() {
        if constexpr (!value_storage<Value>::trivial)
            if (has_value) storage.destroy();
    }

    template <class Call>
    void keep_what_comes_of(Call&& call) noexcept {
        try {
            if constexpr (std::is_void_v<Value>) {
                std::forward<Call>(call)();
            } else {
                storage.construct(std::forward<Call>(call)());
                has_value = true;
            }
        } catch (...) {
            failure = std::current_exception();
        }
    }

    decltype(auto) take() {
        if (failure) std::rethrow_exception(failure);
        if constexpr (!std::is_void_v<Value>) return storage.take();
    }

    value_storage<Value> storage;
    bool has_value = false;
};

template <class Value, class Callable, class... Args>
struct function_job final : function_end<Value> {
    template <class... Given>
    explicit function_job(Given&&... given)
        : function_end<Value>(&call_it, &destroy_it), function(std::in_place, std::forward<Given>(given)...) {}

    // By the thread: there the function and its arguments go, too.
    static void call_it(thread_job& called) noexcept {
        auto& self = static_cast<function_job&>(called);
        self.keep_what_comes_of([&]() -> decltype(auto) {
            auto const invoke = [](auto&&... parts) -> decltype(auto) {
                return std::invoke(std::forward<decltype(parts)>(parts)...);
            };
            return std::apply(invoke, std::move(*self.function));
        });
        self.function.reset();
    }
    static void destroy_it(thread_job& called) noexcept { delete &static_cast<function_job&>(called); }

    std::optional<std::tuple<Callable, Args...>> function;
};

template <class Value>
class function_awaiter {
public:
    using weft_native_awaitable = void;

    explicit function_awaiter(owned_job&& function) noexcept : wait_(std::move(function)) {}

    bool await_ready() const noexcept { return false; }

    template <class Promise>
    WEFT_NOINLINE_SUSPEND void await_suspend(std::coroutine_handle<Promise> awaiting) {
        suspend_for_function(wait_, awaiting.promise());
    }

    decltype(auto) await_resume() {
        resumed(wait_);
        return static_cast<function_end<Value>&>(*wait_.job).take();
    }

private:
    thread_wait wait_;
};

template <class Value>
task<Value> await_function(owned_job function) {
    function_awaiter<Value> end(std::move(function));
    co_return co_await end;
}

template <class Callable, class... Args>
using returned_by = std::invoke_result_t<std::decay_t<Callable>, std::decay_t<Args>...>;

}  // namespace detail

// co_await to_thread(f, args...) calls f(args...) on a thread that is no worker, and gives what it returns: for what blocks, such
// as reading a file or waiting for a lock or another library. The workers go on meanwhile. f and its arguments are kept as
// std::thread keeps them: copies, or moved in where they are rvalues. f is called when the task is awaited, gathered, spawned or
// run.
//
//     std::string const text = co_await weft::to_thread(read_file, path);
//
// The runtime starts such a thread when there is a function and no thread for it, up to options::blocking_threads; further
// functions wait in line, the first that came first. A thread that has had nothing to do for 10 seconds ends. On it there is no
// current runtime: spawn throws, run() and runtime::submit work. The values of context_vars are those of who awaits it; what f sets
// goes with it. The destructor of the runtime, and so weft::run, waits until all functions that have begun have returned, however
// long that takes (asyncio.run gives up after 300 s). Under a testing::paused_clock the clock stands still while a function runs
// that a task awaits.
//   Result:        what f returns; a reference stays one, but f and its arguments are gone by then.
//   Resumes on:    a worker of the task's runtime.
//   Cancellation:  a cancellation point. Who is cancelled goes on at once, and f is not called any more where it has not begun. One
//                  that has cannot be stopped: it goes on to its end, and its value or exception is dropped there.
//   Throws:        what f throws; std::system_error where there is no such thread yet and none can be started; weft::cancelled;
//                  std::bad_alloc, also from the call itself.
//   Must outlive:  what f uses and does not own, until f has returned, which after a cancellation is later than the await: a local
//                  variable of the awaiting coroutine, by reference, is right only where nobody cancels it.
template <class Callable, class... Args>
    requires std::invocable<std::decay_t<Callable>, std::decay_t<Args>...>
auto to_thread(Callable&& callable, Args&&... args) {
    using returned = detail::returned_by<Callable, Args...>;
    static_assert(!detail::is_task<std::remove_cvref_t<returned>>::value,
                  "weft::to_thread: this function returns a weft::task, which would not run on that thread; co_await the task "
                  "itself, or give to_thread an ordinary function");
    using value = std::conditional_t<std::is_lvalue_reference_v<returned>, returned, std::remove_cvref_t<returned>>;
    using made = detail::function_job<value, std::decay_t<Callable>, std::decay_t<Args>...>;
    detail::owned_job function(new made(std::forward<Callable>(callable), std::forward<Args>(args)...));
    return detail::await_function<value>(std::move(function));
}

}  // namespace weft
