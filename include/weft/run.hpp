// SPDX-License-Identifier: MIT
// run: from main() into the world of tasks and back.
#pragma once

#include <source_location>
#include <utility>

#include <weft/concepts.hpp>
#include <weft/options.hpp>
#include <weft/runtime.hpp>
#include <weft/task.hpp>

namespace weft {

// Starts a runtime, runs `main` on one of its workers, and returns its value or rethrows its exception. Before it returns, every
// task still alive has been cancelled and has ended, failures that nobody awaited have been reported, and the workers are joined.
// What is spawned while they end is cancelled before it begins. A task that catches weft::cancelled and goes on keeps it waiting.
// With {.handle_signals = true} Ctrl-C cancels main, and run throws weft::interrupted (options.hpp).
// Throws nested_run on a worker thread: co_await or spawn the task there instead. Otherwise as runtime::runtime and runtime::run.
template <class Value>
Value run(task<Value> main, options settings = {}, std::source_location where = std::source_location::current()) {
    detail::require_outside_workers();
    static_cast<void>(main.unstarted());
    runtime workers(std::move(settings));
    return workers.run(std::move(main), where);
}

// The same for a callable that returns a task; it and its arguments live until the task has ended.
template <class Callable, class... Args>
    requires(sizeof...(Args) > 0) && task_function<Callable, Args...>
auto run(Callable&& callable, Args&&... args) {
    return run(detail::task_of_call(std::forward<Callable>(callable), std::forward<Args>(args)...), options{}, std::source_location{});
}

template <class Callable>
    requires task_function<Callable>
auto run(Callable&& callable, options settings = {}, std::source_location where = std::source_location::current()) {
    return run(detail::task_of_call(std::forward<Callable>(callable)), std::move(settings), where);
}

}  // namespace weft
