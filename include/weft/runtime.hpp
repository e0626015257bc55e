// SPDX-License-Identifier: MIT
// runtime: a pool of workers that tasks run on. Most programs need only run() (run.hpp).
#pragma once

#include <exception>
#include <future>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weft/concepts.hpp>
#include <weft/error.hpp>
#include <weft/detail/waiter.hpp>
#include <weft/options.hpp>
#include <weft/spawn.hpp>
#include <weft/task.hpp>

namespace weft {

namespace detail {

class runtime_core;

// Throws nested_run on a worker thread.
WEFT_API WEFT_NOIPA void require_outside_workers();
struct run_end {
    bool reached;        // false: tasks of the run will be alive for ever (testing.hpp)
    int interrupted_by;  // the signal that run() throws in place of what `main` has come to; 0: none
};
// Runs `main` as a task of its own run, and blocks until no task of that run is alive. One reference to `main` stays with the
// caller.
[[nodiscard]] WEFT_API run_end run_to_end(runtime_core& core, promise_base& main, std::source_location where);
[[noreturn]] WEFT_API WEFT_NOINLINE void throw_deadlock(runtime_core const& core);
[[noreturn]] WEFT_API WEFT_NOINLINE void throw_interrupted(int signal);
// Starts a task that belongs to the runtime as a whole.
WEFT_API void submit_task(runtime_core& core, promise_base& unstarted, std::source_location where);

// The running task is about to tell another thread of its end, and ends without running anybody's code but weft's and the standard
// library's. That thread may answer with the next task before this worker looks for one.
WEFT_API WEFT_NOIPA void expect_to_search() noexcept;

// A std::promise that says `cancelled` where it would be broken: the task that was to keep it has been cancelled before it began.
template <class Value>
struct kept_promise : std::promise<Value> {
    bool kept = false;

    kept_promise() = default;
    kept_promise(kept_promise&& other) noexcept : std::promise<Value>(std::move(other)), kept(std::exchange(other.kept, true)) {}
    ~kept_promise() {
        if (!kept) this->set_exception(std::make_exception_ptr(cancelled()));
    }
};

// Carries a submitted task's end to a std::future.
template <class Value>
task<> deliver(task<Value> work, kept_promise<Value> receiver) {
    receiver.kept = true;
    try {
        if constexpr (std::is_void_v<Value>) {
            co_await std::move(work);
            expect_to_search();
            receiver.set_value();
        } else {
            decltype(auto) value = co_await std::move(work);
            // A move or destructor of the user's own could block, and this worker must not count as searching then.
            if constexpr (std::is_reference_v<Value> ||
                          (std::is_trivially_move_constructible_v<Value> && std::is_trivially_destructible_v<Value>))
                expect_to_search();
            receiver.set_value(std::forward<decltype(value)>(value));
        }
    } catch (...) {
        receiver.set_exception(std::current_exception());
    }
}

}  // namespace detail

// Several runtimes can live at once. All members may be called from several threads at the same time; run() from no worker. It
// keeps the memory of tasks that have ended for later ones, up to some 256 MiB, until its own end.
//
// Destroying it cancels every task still alive and waits for it (but not after a testing::deadlock), then for functions that
// to_thread has begun to call, then for its threads; the future of a submitted task that ends so throws weft::cancelled. While it
// does, spawn and submit throw runtime_closed. Destroyed by one of its own threads, it ends the program with a message: it cannot
// wait for itself. In the child of a fork() its threads do not exist: on Linux run() and submit() throw runtime_closed there,
// and the destructor does nothing; elsewhere, and with WEFT_PORTABLE, a child is not told from its parent: run() and
// the destructor hang there, and what is submitted never begins.
class WEFT_API runtime {
public:
    // Throws std::system_error when a thread cannot be started, std::invalid_argument for impossible options, invalid_state where
    // another runtime goes by the clock in them.
    explicit runtime(options settings = {});
    ~runtime();
    runtime(runtime const&) = delete;
    runtime& operator=(runtime const&) = delete;

    // Runs a task; when that has ended, cancels what it has spawned and is still alive, and blocks until all of that has ended;
    // returns the task's value or rethrows its exception.
    // Throws nested_run on a worker thread (co_await or spawn there), runtime_closed, invalid_state for an empty task,
    // std::bad_alloc; under a paused clock testing::deadlock; with options::handle_signals also interrupted, invalid_state where
    // another run of the process has that, and std::system_error where it cannot start the thread that it needs for it.
    template <class Value>
    Value run(task<Value> main, std::source_location where = std::source_location::current()) {
        auto const frame = main.unstarted();
        detail::run_end const end = detail::run_to_end(*core_, frame.promise(), where);
        main.release();
        if (!end.reached) detail::throw_deadlock(*core_);
        join_handle<Value> ended(frame);
        if (end.interrupted_by != 0) detail::throw_interrupted(end.interrupted_by);
        return std::move(ended).result();
    }
    template <class Callable, class... Args>
        requires(sizeof...(Args) > 0) && task_function<Callable, Args...>
    auto run(Callable&& callable, Args&&... args) {
        return run(detail::task_of_call(std::forward<Callable>(callable), std::forward<Args>(args)...), std::source_location{});
    }
    template <class Callable>
        requires task_function<Callable>
    auto run(Callable&& callable, std::source_location where = std::source_location::current()) {
        return run(detail::task_of_call(std::forward<Callable>(callable)), where);
    }

    // Starts a task and returns at once. The future gets its value or exception; waiting on it on a worker would block that worker
    // (spawn there and await the handle). Throws runtime_closed, invalid_state for an empty task, std::bad_alloc; under a paused
    // clock testing::deadlock.
    template <class Value>
    std::future<Value> submit(task<Value> work, std::source_location where = std::source_location::current()) {
        static_cast<void>(work.unstarted());
        detail::kept_promise<Value> receiver;
        std::future<Value> future = receiver.get_future();
        task<> delivery = detail::deliver(std::move(work), std::move(receiver));
        auto const frame = delivery.unstarted();
        detail::submit_task(*core_, frame.promise(), where);
        delivery.release();
        return future;
    }
    template <class Callable, class... Args>
        requires(sizeof...(Args) > 0) && task_function<Callable, Args...>
    auto submit(Callable&& callable, Args&&... args) {
        return submit(detail::task_of_call(std::forward<Callable>(callable), std::forward<Args>(args)...), std::source_location{});
    }
    template <class Callable>
        requires task_function<Callable>
    auto submit(Callable&& callable, std::source_location where = std::source_location::current()) {
        return submit(detail::task_of_call(std::forward<Callable>(callable)), where);
    }

    // How many workers it has.
    [[nodiscard]] unsigned workers() const noexcept;

private:
    std::shared_ptr<detail::runtime_core> core_;
};

// Whether the calling thread is a worker of some runtime. Any thread may ask.
[[nodiscard]] WEFT_API WEFT_NOIPA bool on_worker() noexcept;

// The number, from 0, of the worker that calls, and how many its runtime has. A task may be on another worker after every co_await.
// Throw no_current_runtime outside a worker.
[[nodiscard]] WEFT_API WEFT_NOIPA unsigned worker_index();
[[nodiscard]] WEFT_API WEFT_NOIPA unsigned worker_count();

}  // namespace weft
